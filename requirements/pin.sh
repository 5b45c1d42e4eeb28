#!/bin/sh
# Write pinned requirements anew: versions and hashes for every Python from 3.11 on, and no address.
#   requirements/pin.sh PYTHON [FILE.in...]     without files: the image's, local and test; uv comes into a throw-away
#                                               environment of its own
# The bench's peers, each by itself: requirements/pin.sh PYTHON bench/requirements/*.in
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"$1" -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv
shift

pin() { # INPUT CONSTRAINTS OUTPUT
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$1" -c "$2" -o "$3"
    echo "$3: $(grep -c == "$3") packages"
}

if [ $# = 0 ]; then
    pin container/requirements.in /dev/null container/requirements.txt
    pin requirements/local.in container/requirements.txt requirements/local.txt
    pin requirements/test.in requirements/local.txt requirements/test.txt
fi
# all peers predict with Tiffin's own numpy and scikit-learn
grep -E '^(numpy|scikit-learn|scipy|joblib)==' requirements/local.txt | sed 's/[ ;\\].*//' >"$tools/same.txt"
for input in "$@"; do
    pin "$input" "$tools/same.txt" "${input%.in}.txt"
done
