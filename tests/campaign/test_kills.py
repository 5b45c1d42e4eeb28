"""`make campaign`: long runs that `make test` has no time for.

A minute of full load while server processes are killed at random: no request fails but those that a killed process had.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.caller import Caller, invocation, not_plain
from tests.server import PATIENCE, Server, children, plug, serving, wait_for

SECONDS = float(os.environ.get("CAMPAIGN_SECONDS", "60"))
CALLERS, PROCESSES = 16, 3
# Every answer is the process that gave it: by the loop, and by one of its threads.
PLUG = """
import os

def model_fn(model_dir): pass

def predict_fn(data, model): return [os.getpid()] * len(data)

def raw_fn(bodies, model): return [b"%d\\n" % os.getpid() for body in bodies]
"""


def call(server: Server, done: threading.Event, killed: dict[int, float], chance: random.Random) -> Counter[str]:
    """`killed`: processes, and when."""
    seen: Counter[str] = Counter()
    caller, process = Caller(server), 0
    while not done.is_set():
        kind, request = chance.choice((("plain", invocation(b"1,2\n")), ("other", not_plain(b"1,2\n"))))
        started = time.monotonic()
        try:
            status, _, body = caller.send(request).answer()
        except OSError:
            status, body = 0, b""
        if status == 200 and body.endswith(b"\n"):
            process = int(body)
            seen[kind] += 1
            continue
        assert status == 0 or not body, f"{status}: {body!r}"  # nothing, or a head whose body never came
        caller.close()
        # Before its first answer nobody knows whose connection this was; but somebody must have been killed meanwhile.
        meanwhile = any(when > started - 1 for when in list(killed.values()))
        assert process in killed or (not process and meanwhile), f"process {process} lives, and did not answer"
        seen["lost with their process"] += 1
        caller, process = Caller(server), 0
    caller.close()
    return seen


def test_H06_processes_killed_at_random_cost_only_what_they_had(tmp_path: Path) -> None:
    base = tmp_path / "ml"
    (base / "model").mkdir(parents=True)
    chance, done = random.Random(11), threading.Event()  # noqa: S311
    killed: dict[int, float] = {}
    with serving(base, plug(base, PLUG) | {"SERVE_WORKERS": str(PROCESSES)}) as server:
        with ThreadPoolExecutor(CALLERS) as pool:
            running = [pool.submit(call, server, done, killed, random.Random(i)) for i in range(CALLERS)]  # noqa: S311
            until = time.monotonic() + SECONDS
            while time.monotonic() < until and not any(future.done() for future in running):
                victim = chance.choice(children(server, PROCESSES))
                killed[victim] = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                time.sleep(chance.random())
            wait_for(lambda: server.ping() == 200, "recovery", server)
            done.set()
            seen = sum((future.result(PATIENCE) for future in running), Counter())
        assert server.stop() == 0
    print(f"\n{len(killed)} processes killed in {SECONDS:.0f} s: {dict(seen)}")
    assert len(killed) > SECONDS / 4
    assert seen["plain"] > 100 * SECONDS
    assert seen["other"] > 100 * SECONDS
