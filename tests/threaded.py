"""`python -m tests.threaded`: the same application behind gunicorn's own threaded worker, to compare ours with."""

import sys

import serve.server
from serve.__main__ import main

if __name__ == "__main__":
    vars(serve.server)["Worker"] = "gthread"  # gunicorn takes a name as well
    sys.exit(main())
