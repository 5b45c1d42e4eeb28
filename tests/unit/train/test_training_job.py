"""`python -m train` as SageMaker starts it: exit code, files, output/failure, and what it prints."""

import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest

from tests import job

SMALL = {"max_leaf_nodes": "5"}
WRITE = "(job.model_dir / 'model.bin').write_text('whole')"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "ml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> job.Ended:
    """The colour classifier, trained with hyperparameters as the SDK sends them (T-02), on a read-only channel."""
    base = tmp_path_factory.mktemp("job") / "ml"
    job.configure(base, hyperparameters={"max_leaf_nodes": '"5"', "color-space": '"rgb"', "refit": '"false"'})
    folder = job.channel(base)
    (folder / "colours.csv").write_text(job.colours())
    (folder / "colours.csv").chmod(0o444)
    folder.chmod(0o555)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(folder.parent.rglob("*"))]
    ended = job.run(base, {"TRAINING_JOB_NAME": "colours-7"})
    assert [(path, path.stat().st_mtime_ns) for path in sorted(folder.parent.rglob("*"))] == before  # T-09
    return ended


# --- inputs


def test_t02_hyperparameters_as_json_strings(trained: job.Ended) -> None:
    assert trained.code == 0, trained.log
    record = json.loads(trained.model["colour.json"])
    assert record["color_space"] == "rgb"
    assert (record["hyperparameters"]["max_leaf_nodes"], record["hyperparameters"]["refit"]) == (5, False)


def test_t01_hyperparameters_as_plain_strings(base: Path) -> None:
    job.configure(base, hyperparameters={"rounds": "128", "eta": "0.1", "_tuning_objective_metric": "x"})  # T-23
    environment = job.module(
        base.parent,
        "from dataclasses import dataclass\n\n"
        "@dataclass(frozen=True)\n"
        "class Hyperparameters:\n    rounds: int\n    eta: float\n\n"
        "def train_fn(job):\n    (job.model_dir / 'given').write_text(repr(job.hyperparameters))\n",
    )
    assert job.run(base, environment).model == {"given": b"Hyperparameters(rounds=128, eta=0.1)"}


def test_t03_without_config_files_each_folder_is_a_channel(base: Path) -> None:
    (job.channel(base, "training") / "a.csv").write_text("1\n")
    ended = job.run(base, job.plug(base.parent, "(job.model_dir / 'm').write_text(job.channel('training').mode)"))
    assert (ended.code, ended.model) == (0, {"m": b"File"})
    assert "training job (unnamed) on algo-1 of 1, channels: training" in ended.log


def test_t14_the_job_is_called_by_its_name(trained: job.Ended) -> None:
    assert "training job colours-7 on algo-1 of 1, channels: train" in trained.log


# T-04 to T-06, T-30: the artifacts of all hosts are merged, so one writes
@pytest.mark.parametrize(("host", "model"), [("algo-1", {"model.bin": b"algo-1"}), ("algo-2", {})])
def test_of_several_hosts_the_first_writes_the_model(host: str, model: dict[str, bytes], base: Path) -> None:
    job.configure(base, resourceconfig={"current_host": host, "hosts": ["algo-2", "algo-1"], "new_key": 1})
    ended = job.run(base, job.plug(base.parent, "(job.model_dir / 'model.bin').write_text(job.current_host)"))
    assert (ended.code, ended.model) == (0, model)


def test_the_colour_classifier_leaves_the_other_host_idle(base: Path) -> None:
    job.configure(base, resourceconfig={"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]})
    (job.channel(base) / "colours.csv").write_text(job.colours())
    ended = job.run(base)
    assert (ended.code, ended.model, ended.stdout) == (0, {}, "")
    assert "trains on one host, algo-1" in ended.log


def test_t10_a_pipe_for_each_epoch_that_appears_later(base: Path) -> None:
    job.configure(base, inputdataconfig={"train": {"TrainingInputMode": "Pipe"}})
    folder = base / "input" / "data"
    folder.mkdir()
    environment = job.plug(
        base.parent,
        """
        for epoch in (0, 1):
            print("epoch", epoch, flush=True)
            for name, stream in job.channel("train").streams(".csv", epoch):
                (job.model_dir / name).write_bytes(stream.read())
        """,
    )
    running = job.start(base, environment)
    try:
        for epoch, content in enumerate((b"first", b"second")):
            running.wait_for(f"epoch {epoch}")
            feed(folder / f"train_{epoch}", content)
    finally:
        ended = running.end()
    assert (ended.code, ended.model) == (0, {"train_0": b"first", "train_1": b"second"})


def feed(fifo: Path, content: bytes) -> None:
    """Make the pipe and write it from a thread, as the platform does: opening waits for the reader."""
    os.mkfifo(fifo)
    threading.Thread(target=fifo.write_bytes, args=(content,), daemon=True).start()


def test_t10_the_colour_classifier_through_a_pipe(base: Path) -> None:
    """Several files arrive as one stream, each with its header."""
    job.configure(base, inputdataconfig={"train": {"TrainingInputMode": "Pipe"}}, hyperparameters=SMALL)
    folder = base / "input" / "data"
    folder.mkdir()
    feed(folder / "train_0", (job.colours(3) + job.colours(3)).encode())
    ended = job.run(base)
    assert ended.code == 0, ended.log
    assert json.loads((base / "output" / "data" / "report.json").read_text())["evaluations"]["test"]["rows"] == 6


# --- outputs


def test_t30_t31_artifact_and_output_data(trained: job.Ended) -> None:
    assert set(trained.model) == {"colour.json", "trees.npz"}
    files = {path.name for path in (trained.base / "output" / "data").iterdir()}
    pictures = {"label_counts.png", "confusion_matrix.png", "mistakes.png", "tree.png"}
    assert files == {"report.html", "report.json", *pictures}
    assert trained.left_in_output == {"data"}  # no failure, no folder of ours


def test_t40_metrics_are_read_by_sagemakers_regex(trained: job.Ended) -> None:
    assert re.findall(r"^test_accuracy=([0-9.]+);$", trained.stdout, re.MULTILINE) == ["1"]
    assert {line.partition("=")[0] for line in trained.stdout.splitlines()} == {
        f"{name}_{score}" for name in ("train", "test") for score in ("accuracy", "balanced_accuracy", "macro_f1")
    }


# T-40: no exponent, as ([0-9.]+) would read 1.2e-05 as 1.2; T-41: each line is out at once
def test_a_metric_of_any_size_is_a_plain_number(base: Path) -> None:
    values = [0, 1.2e-05, 0.1 + 0.2, 128, 123456.7, 1234567, 3.5e9]
    body = f"for value in {values}:\n    job.metric('loss', value)\nos._exit(7)"
    ended = job.run(base, job.plug(base.parent, body))
    found = [float(text) for text in re.findall(r"^loss=([0-9.]+);$", ended.stdout, re.MULTILINE)]
    assert found == pytest.approx(values, rel=1e-5)
    assert found[-2:] == [1234567, 3.5e9]


def test_prints_and_metrics_go_to_stdout_and_the_log_to_stderr(base: Path) -> None:
    body = f"print('mine')\njob.metric('a', 1)\nprint('theirs', file=sys.stderr)\n{WRITE}"
    ended = job.run(base, job.plug(base.parent, body))
    assert sorted(ended.stdout.splitlines()) == ["a=1;", "mine"]
    assert "theirs\n" in ended.log
    assert "training done in " in ended.log


def test_subfolders_and_files_that_were_there(base: Path) -> None:
    (base / "model").mkdir(parents=True)
    (base / "model" / "model.bin").write_text("older")
    (base / "model" / "mine").write_text("mine")
    body = f"{WRITE}\n(job.model_dir / 'code').mkdir()\n(job.model_dir / 'code' / 'inference.py').write_text('')"
    ended = job.run(base, job.plug(base.parent, body))
    assert ended.model == {"model.bin": b"whole", "mine": b"mine", "code/inference.py": b""}


def test_an_artifact_that_nobody_wrote(base: Path) -> None:
    ended = job.run(base, job.plug(base.parent, "pass"))
    assert ended.code == 1
    assert ended.failure.startswith("train_fn wrote no file into job.model_dir (")


def test_an_artifact_written_straight_into_the_model_directory(base: Path) -> None:
    body = "(job.output_data_dir.parents[1] / 'model').mkdir()\n"
    body += "(job.output_data_dir.parents[1] / 'model' / 'm').write_text('m')"
    ended = job.run(base, job.plug(base.parent, body))
    assert (ended.code, ended.model) == (0, {"m": b"m"})


@pytest.mark.parametrize("file", ["output", "model", "output/data"])
def test_a_file_where_a_folder_must_be(file: str, base: Path) -> None:
    (base / file).parent.mkdir(parents=True)
    (base / file).write_text("")
    ended = job.run(base, job.plug(base.parent, WRITE))
    assert ended.code == 1
    assert ended.log.count("training failed: FileExistsError") == 1
    if file == "output":
        assert f"{base / 'output' / 'failure'} cannot be written" in ended.log
    else:
        assert str(base / file) in ended.failure


# --- how it ends


# T-32, T-33
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit(3)", r"SystemExit: 3 \(training\.py, line 5, in train_fn\)"),
        ("sys.exit('no data')", r"SystemExit: no data \(training\.py, line 5, in train_fn\)"),
        ("sys.exit(0)", r"the training code called sys\.exit\(0\): .*let it return"),
        ("sys.exit()", r"the training code called sys\.exit\(0\): .*let it return"),
        ("{}['rows']", r"KeyError: 'rows' \(training\.py, line 5, in train_fn\)"),
        ("raise MemoryError", r"out of memory; take an instance type with more, or less data"),
        ("import asyncio\nraise asyncio.CancelledError", r"CancelledError:  \(training\.py, line 6, in train_fn\)"),
        ("import json\njson.loads('{')", r"JSONDecodeError: .* \(training\.py, line 6, in train_fn\)"),
        ("raise OSError(28, 'No space left on device')", r"OSError: \[Errno 28\] No space left on device \(.*"),
        ("job.channel('train', 'training')", r"there is no channel 'train' or 'training'; channels given: none"),
        ("raise ValueError('caf\\udce9.csv')", r"ValueError: caf\\udce9\.csv \(.*"),
    ],
)
def test_a_failure_says_why_and_leaves_no_model(body: str, reason: str, base: Path) -> None:
    ended = job.run(base, job.plug(base.parent, f"{WRITE}; {body}"))
    assert ended.code == 1
    assert re.fullmatch(reason, ended.failure), ended.failure
    assert "Traceback (most recent call last)" in (base / "output" / "failure").read_text()
    assert ended.model == {}
    assert ended.left_in_output == {"failure", "data"}
    assert ended.log.count("training failed") == 1


def test_t33_a_process_that_dies_is_not_completed(base: Path) -> None:
    ended = job.run(base, job.plug(base.parent, f"{WRITE}\nos._exit(9)"))
    assert (ended.code, ended.model) == (9, {})


def test_t32_a_failure_file_of_the_users_is_kept(base: Path) -> None:
    body = "(job.output_data_dir.parent / 'failure').write_text('the sensor was off')\nraise ValueError"
    ended = job.run(base, job.plug(base.parent, body))
    assert (ended.code, ended.failure) == (1, "the sensor was off")


def test_the_failure_of_an_earlier_job_is_not_this_ones(base: Path) -> None:
    failed = job.run(base, job.plug(base.parent / "a", "raise ValueError('first')"))
    assert failed.failure.startswith("ValueError: first")
    assert job.run(base, job.plug(base.parent / "b", "raise ValueError('second')")).failure.startswith(
        "ValueError: sec"
    )
    ended = job.run(base, job.plug(base.parent / "c", WRITE))
    assert (ended.code, ended.failure, ended.left_in_output) == (0, "", {"data"})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, r"there is no code to train with: .*/plug/training\.py is missing; it must define train_fn\(job\)"),
        ("x = 1\n", r".*/plug/training\.py has no train_fn\(job\)"),
        ("1 / 0\n", r".*/plug/training\.py cannot be imported: ZeroDivisionError: division by zero \(.*line 1\)"),
        ("import sys\nsys.exit(0)\n", r".*(sys\.exit\(0\)|SystemExit: 0).*"),
    ],
)
def test_a_plug_that_cannot_train(code: str | None, reason: str, base: Path) -> None:
    environment = job.module(base.parent, code or "")
    if code is None:
        (base.parent / "plug" / "training.py").unlink()
    ended = job.run(base, environment)
    assert ended.code == 1
    assert re.fullmatch(reason, ended.failure), ended.failure


def test_a_setting_that_cannot_be_right(base: Path) -> None:
    ended = job.run(base, {"SAGEMAKER_CONTAINER_LOG_LEVEL": "loud"})
    assert ended.code == 1
    assert ended.failure.startswith("SAGEMAKER_CONTAINER_LOG_LEVEL='loud' is no log level")
    assert ended.log.startswith(f"train: {ended.failure}")


# --- T-35, T-36: stop


def stopped(base: Path, environment: dict[str, str], marker: str) -> job.Ended:
    """A job that gets SIGTERM once it has said `marker`."""
    running = job.start(base, environment)
    try:
        running.wait_for(marker)
        running.process.send_signal(signal.SIGTERM)
    finally:
        ended = running.end()
    return ended


def test_a_stop_leaves_no_model(base: Path) -> None:
    body = f"{WRITE}\nprint('ready', flush=True)\nsignal.pause()"
    ended = stopped(base, job.plug(base.parent, body), "ready")
    assert (ended.code, ended.model, ended.failure) == (143, {}, "")
    assert ended.left_in_output == {"data"}
    assert "the model directory is as it was" in ended.log


def test_a_stop_reaches_a_forest_while_it_grows(base: Path) -> None:
    job.configure(base, hyperparameters={"algorithm": "forest", "n_estimators": "10000"})
    (job.channel(base) / "colours.csv").write_text(job.colours(50))
    ended = stopped(base, {}, "fitting forest")
    assert (ended.code, ended.model) == (143, {})


def test_a_plug_that_catches_stopped_leaves_its_model(base: Path) -> None:
    body = f"""
    from tiffin.errors import Stopped
    try:
        print("ready", flush=True)
        signal.pause()
    except Stopped:
        os.kill(os.getpid(), signal.SIGTERM)  # a second one must not disturb it
        {WRITE}
    """
    ended = stopped(base, job.plug(base.parent, body), "ready")
    assert (ended.code, ended.model) == (0, {"model.bin": b"whole"})


@pytest.mark.parametrize("moment", ["pathlib.Path.replace", "shutil.rmtree"])
def test_a_stop_while_the_artifact_is_published_comes_too_late(moment: str, base: Path) -> None:
    """SIGTERM arrives within the call: while a file is moved, or while the job's own folder is taken away."""
    owner, _, name = moment.rpartition(".")
    body = f"""
    import shutil
    whole = {owner}.{name}
    def interrupted(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        return whole(*arguments, **options)
    {owner}.{name} = interrupted
    for name in "abc":
        (job.model_dir / name).write_text("whole")
    """
    ended = job.run(base, job.plug(base.parent, body))
    assert (ended.code, ended.model) == (0, {"a": b"whole", "b": b"whole", "c": b"whole"})
    assert ended.left_in_output == {"data"}
    assert "stopped" not in ended.log


def test_a_failure_while_stopping_is_a_failure(base: Path) -> None:
    body = (
        "try:\n    print('ready', flush=True)\n    signal.pause()\nfinally:\n    raise ValueError('no last checkpoint')"
    )
    ended = stopped(base, job.plug(base.parent, body), "ready")
    assert (ended.code, ended.model) == (1, {})
    assert ended.failure.startswith("ValueError: no last checkpoint")
