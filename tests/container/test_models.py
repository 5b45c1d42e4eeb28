"""Multi-model endpoints in the image, with memory as small as the platform would never give (M-02, M-05)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.conftest import STOCK, ContainerServer, docker
from tests.models import ECHO, Many, error, write

pytestmark = pytest.mark.container

MEMORY = ("--memory", "300m", "--memory-swap", "300m")
HOLDS = """
def model_fn(model_dir): return b"x" * (%d << 20)
def predict_fn(data, model): return b"x" * (2000 << 20) if data.rows[0][0] == "much" else [len(model)]
"""


class Contained(Many):
    def load_folder(self, folder: str) -> int:
        return self.load(folder, f"/opt/ml/models/{folder}/model").status

    def kills(self) -> int:
        """How often the kernel has killed in this container."""
        server = self.server
        assert isinstance(server, ContainerServer)
        files = "/sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events"
        found = docker("exec", server.name, "sh", "-c", f"cat {files} 2>/dev/null", check=False).stdout
        return int(re.findall(r"^oom_kill (\d+)$", found, re.MULTILINE)[0])


@pytest.fixture
def contained(run: Callable[..., ContainerServer], tmp_path: Path) -> Callable[..., Contained]:
    def start(*options: str) -> Contained:
        models = tmp_path / "models"
        models.mkdir(exist_ok=True)
        volume = ("--volume", f"{models}:/opt/ml/models:ro", "--env", "SAGEMAKER_MULTI_MODEL=true")
        server = run(STOCK, "--publish", "127.0.0.1::8080", *volume, *options)
        return Contained(server, tmp_path)

    return start


def test_M02_memory_ends_with_507_and_an_unload_makes_room(contained: Callable[..., Contained], tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(8)]
    for name in names:
        write(tmp_path, name, HOLDS % 40)
    many = contained(*MEMORY)
    fitted = 0
    while (status := many.load_folder(names[fitted])) == 200:
        fitted += 1
    assert status == 507
    assert 2 <= fitted < 8
    assert many.kills() == 0  # before the kernel did
    assert many.server.ping() == 200
    assert many.names() == names[:fitted]
    assert {many.invoke(name).body for name in names[:fitted]} == {b"%d\n" % (40 << 20)}  # M-15: none had to go
    assert many.unload("m0").status == many.unload("m1").status == 200  # two, as room for one more is a close thing
    for _ in range(10):
        assert many.load_folder("m7") == 200
        assert many.unload("m7").status == 200
    assert many.load_folder("m0") == 200
    assert many.kills() == 0
    assert many.server.stop() == 0


def test_M02_a_load_that_takes_all_at_once_costs_nobody_else(
    contained: Callable[..., Contained], tmp_path: Path
) -> None:
    write(tmp_path, "small", ECHO)
    write(tmp_path, "huge", HOLDS % 4000)
    many = contained(*MEMORY)
    assert many.load_folder("small") == 200
    for _ in range(5):
        assert error(many.load("huge", "/opt/ml/models/huge/model")) == (507, "OutOfMemory")
        assert many.invoke("small").body == b"1,2\n"
    assert many.names() == ["small"]
    assert many.server.ping() == 200


def test_M06_an_invocation_that_takes_all_is_507_and_costs_nobody_else(
    contained: Callable[..., Contained], tmp_path: Path
) -> None:
    write(tmp_path, "small", ECHO)
    write(tmp_path, "greedy", HOLDS % 10)
    many = contained(*MEMORY)
    assert many.load_folder("small") == many.load_folder("greedy") == 200
    for _ in range(3):
        assert error(many.invoke("greedy", b"much\n")) == (507, "OutOfMemory")
        assert many.invoke("small").body == b"1,2\n"
        assert many.invoke("greedy").body == b"%d\n" % (10 << 20)
    assert many.server.ping() == 200


def test_M01_whoever_it_runs_as_and_whatever_it_may_write(contained: Callable[..., Contained], tmp_path: Path) -> None:
    write(tmp_path, "m", ECHO)
    temporary = "/tmp"  # noqa: S108  the one place that can be written (S-05), and no shared memory (S-06)
    many = contained("--read-only", "--tmpfs", temporary, "--user", "65534:65534", "--shm-size", "1")
    assert many.load_folder("m") == 200
    assert many.invoke("m").body == b"1,2\n"
    assert many.unload("m").status == 200
    assert many.server.stop() == 0
