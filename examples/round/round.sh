#!/bin/sh
# To AWS and back: build, push, train, deploy, invoke, transform, ask from SQL, and leave nothing behind.
# Here or there is a matter of the environment alone: `make round` sets it to this machine. With an account's
# credentials and region, and MYSQL_HOST, MYSQL_TCP_PORT, MYSQL_USER and MYSQL_PWD of an Aurora cluster that may call the
# endpoint (docs/17-sql-in-aws.md), the same lines run there; without MYSQL_HOST the step with SQL is left out, and said.
set -eu
cd "$(dirname "$0")"
: "${PYTHON:=python3}"
work=$(mktemp -d)

deploy() { "$PYTHON" -m deploy "$@"; }
say() { printf '\n=== %s s  %s\n' "$(($(date +%s) - started))" "$1"; }
started=$(date +%s)

finish() {
    status=$?
    say "destroy"
    deploy destroy --yes || status=1
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "build"
deploy build
say "push"
deploy push ${PUSH:-} # PUSH=--force where the base image was bootstrapped
say "role"
deploy role
say "train"
deploy train
say "up"
deploy up
say "invoke"
deploy invoke 73,84,116
say "transform"
head -n 1000 ../../model/data/colours.csv | tail -n 999 | cut -d, -f3-5 >"$work/colours.csv"
deploy transform --input "$work/colours.csv" --output "$work/answers"
wc -l "$work/answers"/*
say "SQL"
if [ -n "${MYSQL_HOST:-}" ]; then
    sql() { mysql --user="${MYSQL_USER:-admin}" --database="${MYSQL_DATABASE:-test}" --table "$@"; }
    deploy sql --engine aurora-mysql --function colour --table shirts --output "$work/sql"
    sql --execute='CREATE TABLE shirts (R INT, G INT, B INT);
        INSERT INTO shirts VALUES (73, 84, 116), (200, 16, 46), (255, 255, 255);'
    sql <"$work/sql/function.sql" # its example query is of shirts
    sql --execute='DROP FUNCTION colour; DROP TABLE shirts;'
else
    echo "left out: no MYSQL_HOST"
fi
say "metrics, and what is idle"
deploy metrics
deploy idle
