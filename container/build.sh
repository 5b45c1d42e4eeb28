#!/bin/sh
# Build the images for linux/amd64 with a Docker v2 manifest (C-12, C-13), and say how large they are.
#   container/build.sh [VERSION]     BASE=… takes another base image, EXTRAS=arrow adds Parquet and Arrow streams
#   WITH_R=yes builds tiffin:VERSION-r too, with R in it; R_PACKAGES="r-cran-ranger …" adds Debian's packages to that
set -eu
cd "$(dirname "$0")/.."
version=${1:-$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)}
base=${BASE:-debian:trixie-slim}
digest=$(container/digest.sh)

build() { # TARGET TAG
    set -- --platform linux/amd64 --file container/Dockerfile --build-arg "BASE=$base" --build-arg "EXTRAS=${EXTRAS:-}" \
        --build-arg "R_PACKAGES=${R_PACKAGES:-}" --label "org.opencontainers.image.version=$version" \
        --label "org.opencontainers.image.licenses=Apache-2.0" --label "dev.tiffin.source=$digest" --target "$1" --tag "$2" .
    if docker buildx version >/dev/null 2>&1; then
        # Without these two, buildx adds an attestation, and the result is an OCI index that SageMaker refuses.
        docker buildx build --provenance=false --sbom=false --output type=docker,oci-mediatypes=false "$@"
    else
        docker build "$@"
    fi
}

build python "tiffin:$version"
build colour "tiffin:$version-colour"
set -- "tiffin:$version" "tiffin:$version-colour"
if [ -n "${WITH_R:-}${R_PACKAGES:-}" ]; then
    build r "tiffin:$version-r"
    set -- "$@" "tiffin:$version-r"
fi

echo
docker image inspect --format '{{index .RepoTags 0}}  {{.Size}} bytes' "$@" |
    awk '{printf "%-24s %6.0f MB\n", $1, $2 / 1e6}'
echo "what fills it:"
docker run --rm --network none "tiffin:$version-colour" sh -c '
    du -sk /opt/venv/lib/python3*/site-packages/* /opt/program /usr/lib/python3* 2>/dev/null | sort -rn | head -12
    du -skx / 2>/dev/null | sed "s|/\$|everything|"' |
    awk '{n = split($2, part, "/"); printf "  %-24s %6.1f MB\n", part[n], $1 / 1000}'
