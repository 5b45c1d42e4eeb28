"""Services of moto that are slow to import: not at the start, and held all the same."""

import subprocess
import sys

import pytest

from local_test.api import late
from local_test.api.control import ControlPlane
from local_test.api.front import Request, message_of
from tests.server import ROOT

SLOW = {"numpy", "moto.ec2", "moto.cloudformation", "moto.rds", "moto.applicationautoscaling"}
SIGNED = "AWS4-HMAC-SHA256 Credential=key/20300101/us-east-1/rds/aws4_request, SignedHeaders=host, Signature=0"


def test_the_start_does_without_what_is_slow() -> None:
    code = "import sys; from local_test.api import instances, server; instances.size_of('ml.m5.large')"
    code += "; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not SLOW & set(done.stdout.split())


@pytest.mark.parametrize("service", ["cloudformation", "rds", "applicationautoscaling"])
def test_hook_is_where_it_was(service: str) -> None:
    points = late.points(service)
    assert points
    for what, holds in points.items():
        assert holds(), f"moto has moved {what}"


def test_a_hook_that_has_moved_is_named_to_the_first_caller() -> None:
    def moved(service: str) -> None:
        late.hold({f"the paths of {service}": lambda: False})

    control = ControlPlane(lambda _: None, lambda: None, moved)
    headers = {"Authorization": SIGNED, "Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=DescribeDBClusters&Version=2014-10-31"
    answer = control.answer(Request("POST", "/", message_of(headers), body))
    assert answer.status == 501
    assert isinstance(answer.body, bytes)
    assert b"has moved the paths of rds" in answer.body
