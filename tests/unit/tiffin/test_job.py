import math
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tiffin import job
from tiffin.errors import BadJob
from tiffin.job import Channel, TrainingJob


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
    return folder


def refusal(channel: Channel) -> str:
    with pytest.raises(BadJob) as raised:
        list(channel.streams(".csv"))
    return str(raised.value)


@pytest.mark.parametrize(
    ("there", "content_type", "found"),
    [
        (["b.csv", "a.csv"], None, ["a.csv", "b.csv"]),
        (["a.csv", "readme.txt"], None, ["a.csv"]),
        (["a.CSV"], None, ["a.CSV"]),
        (["part/b.csv", "a.csv"], None, ["a.csv", "part/b.csv"]),
        (["part-0", "part-1"], "text/csv", ["part-0", "part-1"]),
        (["a.csv", ".hidden.csv", "_SUCCESS", ".ipynb_checkpoints/a-checkpoint.csv", "_tmp/b.csv"], None, ["a.csv"]),
        (["part-0", "_SUCCESS"], "text/csv", ["part-0"]),
    ],
)
def test_files(tmp_path: Path, there: list[str], content_type: str | None, found: list[str]) -> None:
    channel = Channel("train", fill(tmp_path / "_work" / "train", *there), content_type=content_type)
    assert [str(file.relative_to(channel.path)) for file in channel.files(".csv")] == found
    read = [(name, stream.read()) for name, stream in channel.streams(".csv")]
    assert read == [(f"train/{name}", f"content of {name}".encode()) for name in found]


@pytest.mark.parametrize(
    ("there", "changes", "sentence"),
    [
        ([], {}, "channel 'train' is empty: nothing was put into {path}"),
        (["_SUCCESS"], {}, "channel 'train' is empty: nothing was put into {path}"),
        ([], {"distribution": "ShardedByS3Key"}, "channel 'train' is empty: ShardedByS3Key gave this host none of the "
         "objects; use at least one object a host, or FullyReplicated"),
        (["a.txt", "b"], {}, "channel 'train' holds no .csv file, only a.txt, b"),
        ([*"abcdefg"], {}, "channel 'train' holds no .csv file, only a, b, c, d, e, …"),
        (["a.csv"], {"record_wrapper": "RecordIO"}, "channel 'train' is wrapped as RecordIO; send it with RecordWrapper"
         "Type None"),
    ],
)  # fmt: skip
def test_nothing_to_read_says_why(tmp_path: Path, there: list[str], changes: dict[str, Any], sentence: str) -> None:
    channel = Channel("train", fill(tmp_path / "train", *there), **changes)  # T-13
    assert refusal(channel).startswith(sentence.format(path=channel.path))


def test_one_pipe_an_epoch(tmp_path: Path) -> None:  # T-10
    channel = Channel("train", tmp_path / "train", mode="Pipe")
    for epoch in range(2):
        fifo = tmp_path / f"train_{epoch}"
        os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_bytes, args=(f"epoch {epoch}".encode(),))
        writer.start()
        assert [(name, stream.read()) for name, stream in channel.streams(".csv", epoch)] == [
            (f"train_{epoch}", f"epoch {epoch}".encode())
        ]
        writer.join()


def test_a_pipe_that_comes_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "train_0"
    clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: fifo.write_text("late"))
    monkeypatch.setattr(job, "time", clock)
    ((_, stream),) = [
        (name, stream.read()) for name, stream in Channel("train", tmp_path / "train", "Pipe").streams("")
    ]
    assert stream == b"late"


def test_a_pipe_that_never_comes_is_a_bad_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10_000, 100))
    monkeypatch.setattr(job, "time", SimpleNamespace(monotonic=lambda: next(now), sleep=lambda _: None))
    reason = refusal(Channel("train", tmp_path / "train", mode="Pipe"))
    assert reason == f"channel 'train': the pipe {tmp_path / 'train_0'} did not appear in 600 s"


def a_job(**changes: Any) -> TrainingJob:
    channels = {name: Channel(name, Path("/data") / name) for name in ("train", "test")}
    return TrainingJob(**{
        "hyperparameters": {},
        "channels": channels,
        "model_dir": Path("/m"),
        "output_data_dir": Path("/o"),
        "checkpoint_dir": Path("/c"),
        **changes,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "current", "leads"),
    [(("algo-1",), "algo-1", True), (("algo-1", "algo-2"), "algo-1", True), (("algo-1", "algo-2"), "algo-2", False)],
)
def test_one_host_leads(hosts: tuple[str, ...], current: str, leads: bool) -> None:  # T-30
    assert a_job(hosts=hosts, current_host=current).is_leader is leads


def test_channel() -> None:
    assert a_job().channel("train").name == "train"
    assert a_job().channel("training", "train").name == "train"
    assert a_job().optional_channel("validation") is None


@pytest.mark.parametrize(
    ("channels", "names", "sentence"),
    [
        (None, ["validation"], "there is no channel 'validation'; channels given: test, train"),
        ({}, ["train", "training"], "there is no channel 'train' or 'training'; channels given: none"),
    ],
)
def test_a_channel_that_is_not_there(channels: Any, names: list[str], sentence: str) -> None:
    with pytest.raises(BadJob) as raised:
        a_job(**({} if channels is None else {"channels": channels})).channel(*names)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (1, "1"),
        (-0.25, "-0.25"),
        (1.2e-05, "0.000012"),
        (1234567.0, "1234567"),
        (999999.9, "1000000"),
        (1e20, "100000000000000000000"),
        (0.0, "0"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
    ],
)
def test_a_metric_is_one_line_without_an_exponent(  # T-40
    value: float, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    TrainingJob.metric("accuracy", value)
    assert capsys.readouterr().out == f"accuracy={text};\n"
