"""A user's training script: what it is told, how it is stopped, and where its code may come from."""

import io
import json
import os
import signal
import sys
import tarfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import job

TELL = """\
import json, os
with open(os.environ["SM_MODEL_DIR"] + "/told.json", "w") as file:
    json.dump(dict(os.environ), file)
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "ml"


def write(base: Path, code: str, program: str = "train.py", **given: str) -> None:
    folder = base / "code"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / program).write_text(code)
    job.configure(base, hyperparameters={"sagemaker_program": json.dumps(program), **given})


def told(base: Path, environment: dict[str, str] | None = None) -> dict[str, str]:
    ended = job.run(base, environment)
    assert ended.code == 0, ended.log
    found: dict[str, str] = json.loads(ended.model["told.json"])
    return found


def test_T20_T21_the_environment_of_the_toolkit(base: Path) -> None:
    job.channel(base, "train")
    job.channel(base, "validation")
    write(base, TELL, **{"batch-size": "32", "name": '"ada"', "layers": "[8, 4]", "none": "null"})
    channels = {"train": {"TrainingInputMode": "File"}, "validation": {"TrainingInputMode": "File"}}
    groups = [{"instance_group_name": "left", "instance_type": "ml.m5.large", "hosts": ["algo-1", "algo-2"]}]
    resources = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "left",
        "instance_groups": groups,
    }
    job.configure(base, inputdataconfig=channels, resourceconfig=resources)
    found = told(base, {"TRAINING_JOB_NAME": "colours-7"})
    own = {"batch-size": 32, "layers": [8, 4], "name": "ada", "none": None}
    wanted: dict[str, Any] = {
        "SM_HPS": own,
        "SM_HOSTS": ["algo-1", "algo-2"],
        "SM_CURRENT_INSTANCE_GROUP_HOSTS": ["algo-1", "algo-2"],
        "SM_INSTANCE_GROUPS": ["left"],
        "SM_INSTANCE_GROUPS_DICT": {"left": groups[0]},
        "SM_DISTRIBUTION_INSTANCE_GROUPS": [],
        "SM_IS_HETERO": False,
        "SM_CHANNELS": ["train", "validation"],
        "SM_RESOURCE_CONFIG": resources,
        "SM_INPUT_DATA_CONFIG": channels,
        "SM_FRAMEWORK_PARAMS": {},
        "SM_USER_ARGS": ["--batch-size", "32", "--layers", "[8, 4]", "--name", "ada", "--none", ""],
        "SM_NUM_CPUS": os.cpu_count(),
        "SM_NUM_GPUS": 0,
        "SM_NUM_NEURONS": 0,
        "SM_LOG_LEVEL": 20,
        "SM_HP_LAYERS": [8, 4],
        "SM_HP_BATCH-SIZE": 32,  # T-20: the dash stays
    }
    assert {name: json.loads(found[name]) for name in wanted} == wanted
    texts = {
        "SM_CURRENT_HOST": "algo-2",
        "CURRENT_HOST": "algo-2",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
        "SM_CURRENT_INSTANCE_GROUP": "left",
        "SM_NETWORK_INTERFACE_NAME": "eth1",
        "SM_USER_ENTRY_POINT": "train.py",
        "SM_MODULE_NAME": "train",
        "SM_FRAMEWORK_MODULE": "",
        "SM_HP_NAME": "ada",
        "SM_HP_NONE": "",
        "SM_MODULE_DIR": f"{base}/code",
        "SM_MODEL_DIR": f"{base}/model",
        "SM_INPUT_DIR": f"{base}/input",
        "SM_INPUT_CONFIG_DIR": f"{base}/input/config",
        "SM_OUTPUT_DIR": f"{base}/output",
        "SM_OUTPUT_DATA_DIR": f"{base}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{base}/output/intermediate",
        "SM_CHANNEL_TRAIN": f"{base}/input/data/train",
        "SM_CHANNEL_VALIDATION": f"{base}/input/data/validation",
    }
    assert {name: found[name] for name in texts} == texts
    assert found["SM_HPS"] == '{"batch-size":32,"layers":[8,4],"name":"ada","none":null}'  # compact and sorted
    assert "SM_TOPOLOGY" not in found
    again = json.loads(found["SM_TRAINING_ENV"])
    assert (again["hyperparameters"], again["job_name"], again["is_master"]) == (own, "colours-7", False)
    assert again["channel_input_dirs"]["train"] == f"{base}/input/data/train"


def test_T23_what_the_sdk_sends_for_itself_is_no_argument(base: Path) -> None:
    own = {"_tuning_objective_metric": "rmse", "default_user_module_name": "x"}
    names = {"region": '"eu-west-1"', "job_name": '"j"', "container_log_level": "10", "mine": "5"}
    sent = own | {f"sagemaker_{name}": value for name, value in names.items()}
    write(base, TELL, **sent)
    found = told(base)
    assert (found["SM_USER_ARGS"], found["SM_HPS"], found["SM_LOG_LEVEL"]) == ("[]", "{}", "10")
    assert (found["SAGEMAKER_REGION"], found["SAGEMAKER_JOB_NAME"]) == ("eu-west-1", "j")
    assert found["SM_FRAMEWORK_PARAMS"] == '{"sagemaker_mine":5}'


def test_T23_variables_name_the_script_too(base: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "fit.py").write_text(TELL)
    job.configure(base, hyperparameters={"sagemaker_program": "train.py"})
    environment = {"SAGEMAKER_PROGRAM": "fit.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path / "mine")}
    assert told(base, environment)["SM_USER_ENTRY_POINT"] == "fit.py"


def packed(file: Path, name: str, code: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(code.encode())
        tar.addfile(entry, io.BytesIO(code.encode()))


def _in_the_channel(base: Path) -> str:
    packed(base / "input" / "data" / "code" / "sourcedir.tar.gz", "train.py", TELL)
    return "s3://bucket/sourcedir.tar.gz"


def _as_a_file(base: Path) -> str:
    packed(base / "here" / "source dir.tar.gz", "train.py", TELL)
    return f"{base}/here/source dir.tar.gz"


def _as_a_file_url(base: Path) -> str:
    return f"file://{_as_a_file(base).replace(' ', '%20')}"


def _as_a_folder(base: Path) -> str:
    (base / "here").mkdir()
    (base / "here" / "train.py").write_text(TELL)
    return f"{base}/here"


def _in_opt_ml_code(base: Path) -> str:
    packed(base / "code" / "sourcedir.tar.gz", "train.py", TELL)
    return f"{base}/code"


@pytest.mark.parametrize("put", [_in_the_channel, _as_a_file, _as_a_file_url, _as_a_folder, _in_opt_ml_code])
def test_T24_where_code_may_come_from(base: Path, put: Callable[[Path], str]) -> None:
    base.mkdir()
    directory = put(base)
    job.configure(
        base, hyperparameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": json.dumps(directory)}
    )
    assert told(base)["SM_MODULE_DIR"] == directory
    assert (base / "code" / "train.py").is_file()


def test_an_archive_that_reaches_out_of_its_folder_is_refused(base: Path) -> None:
    packed(base / "input" / "data" / "code" / "sourcedir.tar.gz", "../model/planted.py", TELL)
    job.configure(base, hyperparameters={"sagemaker_program": "train.py"})
    ended = job.run(base)
    assert ended.code == 1
    assert "sourcedir.tar.gz is no .tar.gz that can be unpacked: " in ended.failure
    assert not (base / "model").exists()


WAITING = """\
import os, signal, sys, time
open(os.environ["SM_MODEL_DIR"] + "/begun", "w").close()
def stop(number, frame):
    open(os.environ["SM_MODEL_DIR"] + "/checkpoint", "w").close()
    sys.exit({code})
if {handles}:
    signal.signal(signal.SIGTERM, stop)
print("waiting", flush=True)
while True:
    time.sleep(0.05)
"""


def stopped(
    base: Path, number: signal.Signals = signal.SIGTERM, environment: dict[str, str] | None = None
) -> job.Ended:
    """A job whose script had said that it is waiting."""
    running = job.start(base, environment)
    running.wait_for("waiting")
    running.process.send_signal(number)
    return running.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_T36_a_stop_reaches_the_script(base: Path, number: signal.Signals) -> None:
    write(base, WAITING.format(code=0, handles=True))
    ended = stopped(base, number)
    assert (ended.code, ended.failure) == (0, ""), ended.log
    assert set(ended.model) == {"begun", "checkpoint"}  # T-35: what is there is uploaded


def test_T36_its_own_exit_code_after_a_stop(base: Path) -> None:
    write(base, WAITING.format(code=7, handles=True))
    ended = stopped(base)
    assert (ended.code, ended.failure) == (7, "train.py ended with exit code 7")


def test_T36_a_script_that_does_not_care_is_stopped(base: Path) -> None:
    write(base, WAITING.format(code=0, handles=False))
    ended = stopped(base)
    assert (ended.code, ended.failure) == (143, "")
    assert set(ended.model) == {"begun"}
    assert "what the script wrote into the model directory stays there" in ended.log


def test_T36_a_stop_reaches_what_the_script_has_started(base: Path) -> None:
    write(base, "sleep 600 &\necho waiting $!\nwait\n", "train.sh")
    running = job.start(base)
    running.wait_for("waiting")
    child = int(running.stdout.read_text().split("waiting ")[1].split()[0])
    running.process.terminate()
    assert running.end().code == 143
    assert not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text()


def test_T36_what_a_shell_script_runs_may_finish(base: Path) -> None:
    write(base, "python fit.py\n", "train.sh")  # the shell itself does not outlive SIGTERM
    (base / "code" / "fit.py").write_text(WAITING.format(code=0, handles=True).replace("open", "time.sleep(0.3); open"))
    ended = stopped(base, environment={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    assert (ended.code, ended.failure) == (143, "")
    assert set(ended.model) == {"begun", "checkpoint"}


def test_T36_the_scripts_own_workers_are_left_to_it(base: Path) -> None:
    code = """\
        import multiprocessing, os, signal, sys, time
        if __name__ == "__main__":
            worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
            worker.start()
            def stop(number, frame):
                time.sleep(0.2)
                alive = worker.is_alive()
                worker.kill()
                sys.exit(0 if alive else 9)
            signal.signal(signal.SIGTERM, stop)
            print("waiting", flush=True)
            worker.join()
    """
    write(base, textwrap.dedent(code))
    ended = stopped(base)
    assert (ended.code, ended.failure) == (0, ""), ended.log


def test_T33_a_killed_script_fails_the_job(base: Path) -> None:
    write(base, "import os\nprint('pid', os.getpid(), flush=True)\n" + WAITING.format(code=0, handles=False))
    running = job.start(base)
    running.wait_for("waiting")
    os.kill(int(running.stdout.read_text().split()[1]), signal.SIGTERM)  # nobody stopped the job
    ended = running.end()
    assert (ended.code, ended.failure) == (143, "train.py was ended by SIGTERM")


def test_T32_the_end_of_standard_error_follows_the_reason(base: Path) -> None:
    write(
        base,
        "import sys\nfor i in range(9000):\n    print('line', i, file=sys.stderr)\nraise ValueError('한글 ' * 600)\n",
    )
    ended = job.run(base)
    reason, _, after = (base / "output" / "failure").read_text().partition("\n\n")
    assert reason.startswith("train.py ended with exit code 1: ValueError: 한글")
    assert len(reason) == 1024
    assert "Traceback" in after
    assert len(after) < 20_000
    assert "line 0\n" in ended.log  # all of it went to the log
    assert "line 8999\n" in ended.log
