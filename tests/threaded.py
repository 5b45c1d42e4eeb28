"""`python -m tests.threaded`: the same application behind gunicorn's own threaded worker, to compare ours with."""

import sys

import serve.readiness
import serve.server
from serve.__main__ import main

if __name__ == "__main__":
    vars(serve.server)["Worker"] = "gthread"  # gunicorn takes a name as well
    vars(serve.readiness)["SILENCE"] = float("inf")  # it gives no sign of life
    sys.exit(main())
