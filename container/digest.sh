#!/bin/sh
# A digest of every file that goes into the images: the label dev.tiffin.source, by which `local_test` knows whether an
# image is of the code beside it.
set -eu
cd "$(dirname "$0")/.."
find container/Dockerfile container/requirements*.txt container/bin container/compile.sh model serve tiffin train \
    -type f ! -path '*/__pycache__/*' ! -name '*.so' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cksum | cksum | tr -s ' ' -
