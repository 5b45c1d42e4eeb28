import os
import re

from serve.metrics import Metrics


def value(text: str, series: str) -> float:
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_figures_of_all_processes_are_added_up() -> None:
    metrics = Metrics(places=2, load_seconds=1.5)
    for place in (0, 1):
        child = os.fork()
        if not child:
            metrics.use(place)
            metrics.joined(4, rows=10, seconds=0.0002)
            metrics.joined(0, rows=0, seconds=0.0002)
            metrics.answered(404, rows=0, seconds=0.2)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    metrics.process_ended()
    text = metrics.text(ready=True)
    assert value(text, 'tiffin_invocations_total{status="2xx"}') == 8
    assert value(text, 'tiffin_invocations_total{status="4xx"}') == 2
    assert value(text, 'tiffin_invocations_total{status="5xx"}') == 0
    assert value(text, "tiffin_rows_total") == 20
    assert value(text, 'tiffin_invocation_seconds_bucket{le="0.0001"}') == 0
    assert value(text, 'tiffin_invocation_seconds_bucket{le="0.0005"}') == 8
    assert value(text, 'tiffin_invocation_seconds_bucket{le="+Inf"}') == 10
    assert value(text, "tiffin_invocation_seconds_count") == 10
    assert value(text, "tiffin_invocation_seconds_sum") == 2 * (4 * 0.0002 + 0.2)
    assert value(text, 'tiffin_batch_requests_bucket{le="2"}') == 0
    assert value(text, 'tiffin_batch_requests_bucket{le="4"}') == 2
    assert value(text, "tiffin_batch_requests_sum") == 8
    assert value(text, "tiffin_process_restarts_total") == 1
    assert value(text, "tiffin_model_load_seconds") == 1.5
    assert value(text, "tiffin_ready") == 1


def test_every_series_has_its_help_and_type() -> None:
    text = Metrics(places=1, load_seconds=0).text(ready=False)
    names = {
        re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", line)[0]) for line in text.splitlines() if line[0] != "#"
    }
    for name in names:
        assert text.index(f"# HELP {name} ") < text.index(f"# TYPE {name} ") < text.index(f"\n{name}")
    assert text.endswith("\n")


def test_streams_end_with_their_process_and_their_messages_count_on() -> None:
    metrics = Metrics(places=2, load_seconds=1.5)
    metrics.use(0)
    metrics.streamed(3, received=5, sent=7)
    metrics.streamed(2, received=1, sent=0)
    assert value(metrics.text(ready=True), "tiffin_streams") == 2
    metrics.use(0)  # the process that takes its place
    text = metrics.text(ready=True)
    assert value(text, "tiffin_streams") == 0
    assert value(text, 'tiffin_stream_messages_total{direction="received"}') == 6
    assert value(text, 'tiffin_stream_messages_total{direction="sent"}') == 7
