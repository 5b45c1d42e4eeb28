"""100,000 calls of R on all threads of one process, joined and not, good and bad: no crash, and no wrong answer."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.caller import Caller, invocation, not_plain
from tests.rimage import container, processes

CALLS = int(os.environ.get("CAMPAIGN_R_CALLS", "100000"))
CALLERS = 8
CODE = """
COLUMNS <- list(x = "numeric")
ROW_WISE <- TRUE
model_fn <- function(model_dir) 2
predict_fn <- function(data, model) {
  if (any(data$x %% 50 == 7)) stop("no sevens")
  if (any(data$x %% 50 == 8)) warning("an eight")
  garbage <- lapply(1:50, function(i) paste(i, data$x)) # for R's collector
  data$x * model
}
"""


@pytest.mark.timeout(1800)
def test_100000_concurrent_calls_do_not_crash_r(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model.R").write_text(CODE)
    wrong: list[object] = []
    options = ("--env", "SERVE_WORKERS=1", "--env", "SAGEMAKER_CONTAINER_LOG_LEVEL=critical")
    with container("--volume", f"{tmp_path}:/opt/ml/model:ro", *options) as server:

        def hammer(number: int) -> None:
            caller = Caller(server)
            for index in range(CALLS // CALLERS):
                x = number * CALLS + index
                body = b"%d\n" % x
                status, _, answer = caller.send(invocation(body) if number % 2 else not_plain(body)).answer()
                expected = (500, None) if x % 50 == 7 else (200, f"{2 * x}.0\n".encode())
                if status != expected[0] or (status == 200 and answer != expected[1]):
                    wrong.append((x, status, answer))
                    return
            caller.close()

        before, started = processes(server), time.monotonic()
        threads = [threading.Thread(target=hammer, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"{CALLS} calls of R in {time.monotonic() - started:.0f} s")
        assert wrong == []
        assert processes(server) == before
