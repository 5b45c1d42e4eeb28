#!/bin/sh
# Write the peers' pinned requirements anew: versions and hashes, no address, numpy and scikit-learn those of Tiffin.
#   bench/requirements/pin.sh PYTHON
set -eu
cd "$(dirname "$0")/../.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$1" -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv
grep -E '^(numpy|scikit-learn|scipy|joblib)==' requirements/local.txt | sed 's/[ ;\\].*//' >"$tools/same.txt"
for input in bench/requirements/*.in; do
    output=${input%.in}.txt
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
        -c "$tools/same.txt" "$input" -o "$output"
    echo "$output: $(grep -c == "$output") packages"
done
