"""Pure parts of `push`: processors, what is tried again, where images go."""

import json

import pytest

from deploy import architectures, repositories
from deploy.deployer import deployer
from deploy.errors import DeployError
from deploy.kinds.registry import where
from deploy.policies import Scope, execution
from deploy.pushing import PASSING
from deploy.sections import Image


@pytest.mark.parametrize(
    ("instance_type", "platform"),
    [
        ("ml.m5.large", "linux/amd64"),
        ("ml.g4dn.xlarge", "linux/amd64"),
        ("ml.g6.xlarge", "linux/amd64"),
        ("ml.c7i.large", "linux/amd64"),
        ("ml.inf2.xlarge", "linux/amd64"),
        ("ml.m6g.large", "linux/arm64"),
        ("ml.c6gn.large", "linux/arm64"),
        ("ml.r7gd.large", "linux/arm64"),
        ("ml.g5g.xlarge", "linux/arm64"),
        ("ml.p6e-gb200.36xlarge", "linux/arm64"),
    ],
)
def test_C13_the_processor_of_an_instance_type(instance_type: str, platform: str) -> None:
    assert architectures.platform(instance_type) == platform


@pytest.mark.parametrize(
    ("said", "is_passing"),
    [
        ("unexpected EOF", True),
        ("write tcp 10.0.0.1:1->10.0.0.2:443: write: connection reset by peer", True),
        ("net/http: TLS handshake timeout", True),
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ("denied: Your authorization token has expired. Reauthenticate and try again.", True),
        ("no basic auth credentials", True),
        ("denied: User: arn:aws:iam::1:user/a is not authorized to perform: ecr:InitiateLayerUpload", False),
        ("tag invalid: The image tag 'a' already exists in the 'b' repository", False),
    ],
)
def test_what_a_push_tries_again(said: str, is_passing: bool) -> None:
    assert bool(PASSING.search(said)) is is_passing


class Here:
    """As much of a Context as a place asks for."""

    project = "colours"

    class aws:  # noqa: N801  as Context names it
        region, account = "eu-west-1", "123456789012"

    def __init__(self, repository: str) -> None:
        self.repository = repository

    def read(self, _section: type) -> Image:
        return Image(repository=self.repository)


@pytest.mark.parametrize(
    ("setting", "name", "latest", "asked"),
    [
        ("", "colours", "latest", {"repositoryName": "colours"}),
        ("team/models", "team/models", "colours-latest", {"repositoryName": "team/models"}),
        (
            "arn:aws:ecr:eu-west-1:123456789012:repository/team/models",
            *("team/models", "colours-latest", {"repositoryName": "team/models"}),
        ),
        (
            "arn:aws:ecr:eu-west-1:999999999999:repository/team/models",
            *("arn:aws:ecr:eu-west-1:999999999999:repository/team/models", "colours-latest"),
            {"repositoryName": "team/models", "registryId": "999999999999"},
        ),
    ],
)
def test_a_repository_by_name_or_in_another_account(
    setting: str, name: str, latest: str, asked: dict[str, str]
) -> None:
    place = repositories.place(Here(setting))  # type: ignore[arg-type]
    assert (place.name, place.latest, where(place.name)) == (name, latest, asked)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("arn:aws:ecr:us-east-1:123456789012:repository/a", "is in us-east-1, and all else in eu-west-1 .C-14."),
        ("Team", "no name: a-z, 0-9"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:b", "without the registry's host"),
    ],
)
def test_C14_what_is_no_repository_of_this_region_is_refused(setting: str, says: str) -> None:
    with pytest.raises(DeployError, match=says):
        repositories.place(Here(setting))  # type: ignore[arg-type]


def test_the_roles_may_use_another_accounts_repository() -> None:
    arn = "arn:aws:ecr:eu-west-1:999999999999:repository/team/models"
    scope = Scope("colours", "123456789012", "eu-west-1", "bucket", arn, "colours")
    for policy in (execution(scope), deployer(scope)):
        assert arn in json.dumps(policy)
        assert "repository/arn" not in json.dumps(policy)


def test_another_projects_image_is_not_ours_though_its_tag_begins_alike() -> None:
    place = repositories.Place("shared", "colours-")
    tag = place.tag("sha256:0123456789abcdef0123")
    assert tag == "colours-0123456789ab"
    assert [place.is_ours(each) for each in (tag, "colours-two-0123456789ab", "colours-latest")] == [True, False, False]
