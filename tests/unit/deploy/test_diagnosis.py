"""The line of the contract that a container most likely breaks, by what it wrote."""

import pytest

from deploy.diagnosis import explained, likely
from deploy.waiting import Settled

PING = (
    "The primary container for production variant main did not pass the ping health check. Please check CloudWatch "
    "logs for this endpoint."
)


@pytest.mark.parametrize(
    ("reason", "line", "cause"),
    [
        (PING, "", "H-04"),
        (PING, "[2026-11-26] [INFO] Listening at: http://127.0.0.1:8080 (1)", "H-01"),
        (f"{PING} Seen: nobody answers at 0.0.0.0:8080; /ping is 200 at 127.0.0.1:8080 (H-01)", "", "H-01"),
        (PING, "exec /usr/local/bin/serve: exec format error", "C-13"),
        (PING, 'exec: "serve": executable file not found in $PATH', "C-02"),
        (PING, "OSError: [Errno 98] Address already in use", "H-01"),
        (PING, "OSError: [Errno 30] Read-only file system: '/opt/ml/model/x'", "H-19"),
        (PING, "PermissionError: [Errno 13] Permission denied: '/opt/program'", "S-05"),
        (PING, "ModuleNotFoundError: No module named 'sklearn'", "a library is not in the image"),
        (PING, "Error in library(ranger) : there is no package called ‘ranger’", "a library is not in the image"),
        (PING, "Traceback (most recent call last):", "H-03"),
        ("Failed to extract model data archive from s3://b/m.tar.gz", "", "H-19, H-20"),
        ("Unable to provision requested ML compute capacity.", "", "no such instance free"),
        ("something else", "", "nothing of this is known here"),
    ],
)
def test_a_likely_cause(reason: str, line: str, cause: str) -> None:
    assert cause in likely(reason, [line])


def test_the_containers_lines_come_before_what_aws_says() -> None:
    endpoint = {"EndpointStatus": "Failed", "FailureReason": PING}
    said = explained(Settled(endpoint, ("loading", "no weights here")), "colours", "image@sha256:1")
    assert said.index("no weights here") < said.index("AWS says: The primary container")
    assert "Please check CloudWatch" not in said
    assert "`local_test verify image@sha256:1`" in said


def test_that_there_are_no_lines_is_said() -> None:
    assert "it has written nothing" in explained(Settled({"EndpointStatus": "Failed"}, ()), "colours", "i")
