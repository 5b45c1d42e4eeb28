#!/bin/sh
# Every test, part by part, with the time of each. What cannot run here is said loudly; under CI it is a failure.
# A Docker engine that this run had to start is stopped at its end; images stay, and are made anew when a file of
# theirs changes.
set -u
cd "$(dirname "$0")/.."
# Thousands of processes start here. What Python compiles is kept, whatever the shell says; and where `python3` is a shim
# of pyenv, which takes sixteen processes to find the interpreter, that interpreter is found first: it is .venv's.
unset PYTHONDONTWRITEBYTECODE
case $(command -v python3) in
*/shims/*) PATH=$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')/bin:$PATH ;;
esac
summary=$(mktemp)
engine_is_ours=

finish() {
    rm -f "$summary"
    if [ -n "$engine_is_ours" ] && [ -f /var/run/docker.pid ]; then
        kill "$(cat /var/run/docker.pid)" 2>/dev/null
    fi
}
trap finish EXIT
trap 'exit 130' INT TERM

failed=0
part() { # NAME COMMAND...
    name=$1
    shift
    echo
    echo "=== $name"
    start=$(date +%s)
    if "$@"; then verdict=passed; else verdict=FAILED failed=1; fi
    printf '%5d s  %-7s  %s\n' "$(($(date +%s) - start))" "$verdict" "$name" >>"$summary"
}
leave_out() { # NAME WHY
    printf '     -    LEFT OUT %s: %s\n' "$1" "$2" >>"$summary"
    [ -z "${CI:-}" ] || failed=1
}
images() {
    WITH_R=yes container/build.sh >"$summary.build" 2>&1 || {
        tail -40 "$summary.build"
        rm -f "$summary.build"
        return 1
    }
    grep -E ' MB$' "$summary.build"
    rm -f "$summary.build"
}
tool() { # COMMAND PACKAGE: make sure that a program the tests call is there
    command -v "$1" >/dev/null || packages "$2"
}
packages() { # PACKAGE...
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "installing $*"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 600 \
        apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1
}
r_kernel() { # 51 MB to fetch, 88 MB on the disk
    has_r_kernel || { packages r-base-core r-cran-irkernel r-cran-rpart r-cran-colorspace && has_r_kernel; }
}
has_r_kernel() { Rscript --vanilla -e 'for (each in c("IRkernel", "rpart", "colorspace")) loadNamespace(each)' >/dev/null 2>&1; }
pytest() { .venv/bin/python -m pytest -q "$@"; }
beside() { pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"; }  # in the order of tests/conftest.py
side_by_side() { # NAME MARKS TESTS...: most of them wait more than they work, and the few marked `alone` come after them
    name_of_all=$1 marks=$2
    shift 2
    part "$name_of_all" beside -m "$marks and not alone" "$@"
    part "$name_of_all, one at a time" pytest -m "$marks and alone" "$@"
}

part "format, lint, types, import rules" make --no-print-directory check
part "unit tests" pytest -n 2 --dist loadfile tests/unit
part "documentation" pytest tests/docs
ignored=
tool mysql mariadb-client || {
    leave_out "the mysql command" "no mariadb-client"
    ignored="--ignore=tests/http/test_sql_client.py --ignore=tests/aws/test_sql.py"
}
without_r=
r_kernel || {
    leave_out "the notebook in R" "no R with rpart, colorspace and IRkernel, and no root to install them"
    without_r=" and not rkernel"
}
side_by_side "real server" "not container" tests/http $ignored
part "AWS's API, without containers" beside tests/aws -m "not container$without_r" $ignored

docker info >/dev/null 2>&1 || engine_is_ours=yes
if container/engine.sh; then
    part "images" images
    wanted=container ignored=
    tool curl curl || {
        leave_out "the README's lines" "no curl"
        ignored="--ignore=tests/container/test_readme.py --ignore=tests/container/test_examples.py"
    }
    tool docker-registry docker-registry || {
        leave_out "the manifest that a registry gets" "no docker-registry"
        wanted="container and not registry"
    }
    side_by_side "real containers" "$wanted" tests/container $ignored
    side_by_side "AWS's API, with containers" "$wanted$without_r" tests/aws
    echo
    if .venv/bin/python -m tests.sdk.environment; then
        part "AWS's clients" pytest tests/sdk
    else
        leave_out "AWS's clients" "their environments were not made (the lines above say why)"
    fi
else
    leave_out "images, real containers" "no Docker engine (the line above says why)"
fi

echo
echo "=== in short"
cat "$summary"
exit "$failed"
