#!/bin/sh
# Write pinned requirements anew: versions and hashes for every Python from 3.11 on, and no address.
#   requirements/pin.sh PYTHON [FILE.in...]     without files: the image's and this folder's; uv comes into a throw-away
#                                               environment of its own
# The bench's peers, and AWS's clients, each by itself: requirements/pin.sh PYTHON bench/requirements/*.in
#                                               requirements/pin.sh PYTHON tests/sdk/requirements/*.in
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$1" -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv
shift

pin() { # OUTPUT INPUT [OPTION...]
    output=$1
    shift
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@" -o "$output"
    echo "$output: $(grep -c == "$output") packages"
}

same() { # FILE.txt: the same versions, but for what botocore holds below the newest
    grep -E "^[a-zA-Z0-9_.-]+==" "$1" | grep -v "^python-dateutil==" | sed "s/ *\\\\$//"
}

if [ $# = 0 ]; then
    pin container/requirements.txt container/requirements.in
    pin container/requirements-arrow.txt container/requirements-arrow.in -c container/requirements.txt
    pin container/requirements-r.txt container/requirements-r.in -c container/requirements.txt
    pin container/requirements-r-build.txt container/requirements-r-build.in -c container/requirements-r.txt
    pin requirements/local.txt requirements/local.in -c container/requirements.txt
    same requirements/local.txt >"$tools/local.txt"
    pin requirements/api.txt requirements/api.in -c "$tools/local.txt"
    pin requirements/sql.txt requirements/sql.in -c "$tools/local.txt" -c container/requirements-arrow.txt
    same requirements/sql.txt >"$tools/sql.txt"
    pin requirements/test.txt requirements/test.in -c requirements/api.txt -c container/requirements-arrow.txt \
        -c "$tools/sql.txt"
    pin requirements/notebooks.txt requirements/notebooks.in -c requirements/test.txt
fi
# all peers predict with the numpy and scikit-learn that Tiffin has
grep -E "^(numpy|scikit-learn|scipy|joblib)==" requirements/local.txt | sed "s/[ ;\\\\].*//" >"$tools/same.txt"
for input in "$@"; do
    pin "${input%.in}.txt" "$input" -c "$tools/same.txt"
done
