"""One job over files, by one or several instances, and what DescribeTransformJob would say of it (B-07, B-10)."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from local_test.transform.invoke import Container
from local_test.transform.job import TransformJob
from local_test.transform.lane import FileResult, Lane, Orders, Progress
from local_test.transform.parameters import Say, decide
from local_test.wire import Address
from tiffin import limits


@dataclass(frozen=True)
class Outcome:
    """`status` and `failure_reason` as DescribeTransformJob has them."""

    status: str  # Completed, Failed, Stopped
    failure_reason: str
    files: tuple[FileResult, ...]  # in the order of the job


def run(  # noqa: PLR0913  three of them by name
    job: TransformJob,
    files: Sequence[tuple[Path, Path]],
    addresses: Sequence[str | Address],
    *,
    say: Say = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Transform each (input, output) pair by the ready containers at `addresses`; a string is `http://host:port`.

    `say` gets warnings and what was decided; both callbacks are called from the lanes' threads. `stop` ends it:
    requests under way are waited for, so end the containers too. Never raises for what a file or a container does.
    """
    if not addresses:
        raise ValueError("a job needs the address of one container at least")
    if len({target for _, target in files}) < len(files):
        raise ValueError("two input files have the same output file")
    stop = stop or threading.Event()
    if job.has_idle_strategy:
        say("BatchStrategy has no effect without a SplitType: each request carries a whole file (B-04)")
    with ExitStack() as stack:
        places = [Address.of(each) if isinstance(each, str) else each for each in addresses]
        containers = [Container(each, job.invocations_timeout, job.invocations_max_retries, stop) for each in places]
        for container in containers:
            stack.callback(container.close)
        offered = containers[0].execution_parameters()
        parameters = decide(job, offered.status, offered.body, say)
        say(str(parameters))
        orders = Orders(job, parameters, say, progress, stop)
        lanes = [Lane(orders, container) for container in containers]
        with ThreadPoolExecutor(len(lanes), "transform-lane") as pool:
            running = [pool.submit(lane.run, files[i :: len(lanes)]) for i, lane in enumerate(lanes)]
            try:
                done = {result.target: result for future in running for result in future.result()}
            except BaseException:  # Ctrl-C: the lanes would work on to their end
                stop.set()
                raise
    return _outcome([done[target] for _, target in files], stop)


def _outcome(results: Sequence[FileResult], stop: threading.Event) -> Outcome:
    failed = [result for result in results if not result.is_done]
    if stop.is_set():
        return Outcome("Stopped", "", tuple(results))
    if not failed:
        return Outcome("Completed", "", tuple(results))
    fault = "ClientError" if failed[0].is_refusal else "AlgorithmError"
    more = f" ({len(failed) - 1} more of {len(results)} files failed)" if len(failed) > 1 else ""
    reason = f"{fault}: {failed[0].source.name}: {failed[0].error}"
    return Outcome("Failed", reason[: limits.FAILURE_REASON_CHARS - len(more)] + more, tuple(results))
