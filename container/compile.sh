#!/bin/sh
# Build the colour classifier's compiled pass beside its source. It needs a C compiler and Python's headers, and is made
# for the stable interface of CPython 3.11 and newer. Without it the same answers come from numpy.
#   container/compile.sh [PYTHON]
set -eu
cd "$(dirname "$0")/.."
include=$("${1:-python3}" -c 'import sysconfig; print(sysconfig.get_path("include"))')
# -ffp-contract=off: no fused operations, so that every figure is what numpy computes.
"${CC:-cc}" -O3 -Wall -Wextra -Werror -ffp-contract=off -shared -fPIC -I"$include" \
    model/colourpass.c -o model/colourpass.abi3.so -lm
