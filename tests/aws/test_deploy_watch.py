"""`deploy metrics` and `deploy idle`: what CloudWatch counts, and what runs for nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.awshosting import Hosting
from tests.deployhosting import Hosted, hosted


@pytest.fixture
def project(hosting: Hosting, tmp_path: Path) -> Iterator[Hosted]:
    with hosted(hosting, tmp_path) as found:
        yield found


def test_what_cloudwatch_counts(project: Hosted) -> None:
    project.run("up")
    for payload, code in (("who", 0), ("status 418", 1), ("status 500", 1)):
        project.run("invoke", payload, code=code)

    def counted() -> Any:
        (row,) = project.run("metrics", "--json", "--hours", "1").json["variants"]
        return row if row["invocations"] == 3 else None

    row = project.aws.wait(counted, "three invocations", 120.0)
    assert (row["errors_4xx"], row["errors_5xx"]) == (1, 1)
    assert 0 < row["model_ms"]["Average"] <= row["model_ms"]["Maximum"] < 60_000
    drawn = project.run("metrics", "--plot", "a.svg")
    assert drawn.stdout.splitlines()[1].split()[:4] == ["main", "3", "1", "1"]
    assert "<polyline points=" in (project.folder / "a.svg").read_text()
    assert "FILE.svg" in project.run("metrics", "--plot", "a.png", code=1).said
    assert project.run("info", "--json").json["last_invocation"].startswith(f"{datetime.now(UTC):%Y-%m-%dT}")


def test_idle_endpoints_and_what_they_cost(hosting: Hosting, project: Hosted) -> None:
    theirs = hosting.serve(hosting.variant(hosting.model(), InitialInstanceCount=2))
    project.run("up")
    found = {each["name"]: each for each in project.run("idle", "--days", "0", "--json").json}
    assert found[project.project]["project"] == project.project
    assert found[theirs]["project"] is None
    assert found[theirs]["usd_an_hour"] is None  # nobody guesses
    priced = project.run("idle", "--days", "0", "--prices", "ml.m5.large=0.25")
    lines = {line.split()[1]: line for line in priced.stdout.splitlines()}
    assert "(ours)" in lines[project.project]
    assert "1 of ml.m5.large, 0.25 USD an hour" in lines[project.project]
    assert "(not tiffin's)" in lines[theirs]
    assert "2 of ml.m5.large, 0.5 USD an hour" in lines[theirs]
    assert project.run("idle", "--json").json == []
    (project.folder / "tiffin.toml").rename(project.folder / "kept")
    assert project.project in project.run("idle", "--days", "0").stdout  # of nobody's project
    (project.folder / "kept").rename(project.folder / "tiffin.toml")
