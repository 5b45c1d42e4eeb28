#!/bin/sh
# Write the pinned requirements anew: versions and hashes for every Python from 3.11 on, and no address.
#   requirements/pin.sh PYTHON       uv is installed into a throw-away environment of its own
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$1" -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv

pin() { # OUTPUT INPUT [OPTION...]
    output=$1
    shift
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@" -o "$output"
    echo "$output: $(grep -c == "$output") packages"
}

pin container/requirements.txt container/requirements.in
pin container/requirements-arrow.txt container/requirements-arrow.in -c container/requirements.txt
pin requirements/local.txt requirements/local.in -c container/requirements.txt
pin requirements/test.txt requirements/test.in -c requirements/local.txt -c container/requirements-arrow.txt
