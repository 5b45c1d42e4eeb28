"""`local_test run`: a command against an API that lives as long as the command."""

import sys
from pathlib import Path

from tests.localaws import command

LIST = "import boto3; print(len(boto3.client('s3').list_buckets()['Buckets']), 'buckets'); raise SystemExit(7)"


def test_the_command_reaches_the_api_and_its_status_is_ours(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = command("run", "--no-docker", "--state", str(state), "--", sys.executable, "-c", LIST)
    assert (done.returncode, "0 buckets" in done.stdout) == (7, True), done.stderr
    assert "stopping" in (state / "up.log").read_text()
    assert not (state / "port").exists()


def test_accounts_of_the_shell_are_out_of_reach() -> None:
    real = {"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "t", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    done = command("run", "--no-docker", "--", sys.executable, "-c", LIST, environ=real)
    assert done.returncode == 7, done.stderr


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = command("run", "--no-docker", "--", "no-such-command")
    assert (done.returncode, "no-such-command cannot be run" in done.stderr) == (1, True)


def test_an_api_that_does_not_start_is_said_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder belongs")
    done = command("run", "--no-docker", "--state", str(tmp_path / "state"), "--", "true")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
