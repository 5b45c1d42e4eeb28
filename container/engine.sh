#!/bin/sh
# Make a Docker engine answer on a bare Debian machine, and give it the base image, so that the container tests run.
# What is there already is left alone; calling it again costs nothing. Exit status 1 says, in one line, what is missing.
#   container/engine.sh [IMAGE]      default debian:trixie-slim
# Where no image registry can be reached the base is bootstrapped from Debian's archive. Such a base trusts the
# certificates that this machine trusts: it is for building and testing here, not for shipping, and its label
# dev.tiffin.bootstrapped says so.
set -eu
image=${1:-debian:trixie-slim}
suite=${image#debian:}
suite=${suite%-slim}
log=${TMPDIR:-/tmp}/tiffin-engine.log

say() { echo "engine: $*" >&2; }
give_up() {
    say "$*"
    exit 1
}
install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || give_up "no $1 here, and only root on Debian can install it"
    say "installing $*"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
        >>"$log" 2>&1 || give_up "installing $* failed; see $log"
}

if ! docker info >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || give_up "no Docker engine answers (docker info), and only root can start one"
    command -v dockerd >/dev/null && command -v iptables >/dev/null || install docker.io iptables
    say "starting dockerd"
    setsid nohup dockerd >>"$log" 2>&1 </dev/null &
    tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || give_up "dockerd did not answer within 60 s; see $log"
        sleep 0.5
    done
fi

docker image inspect "$image" >/dev/null 2>&1 && exit 0
say "fetching $image"
timeout 60 docker pull -q "$image" >>"$log" 2>&1 && exit 0

say "no registry has $image within reach: bootstrapping it from Debian's archive (half a minute)"
command -v debootstrap >/dev/null || install debootstrap
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" >>"$log" 2>&1 ||
    give_up "debootstrap $suite failed; see $log"
bundle=/etc/ssl/certs/ca-certificates.crt
cp "$bundle" "$root$bundle"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" -c . | docker import --change "ENV PIP_CERT=$bundle" --change 'CMD ["bash"]' \
    --change 'LABEL dev.tiffin.bootstrapped=true' - "$image" >/dev/null
