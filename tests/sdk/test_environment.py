import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sdk import environment
from tests.sdk.environment import REQUIREMENTS


def test_what_was_broken_off_is_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv, cache = environment.environment("uv").parent, tmp_path / "tiffin"
    cache.mkdir()
    (cache / uv.name).symlink_to(uv)
    shutil.copy(REQUIREMENTS / "uv.txt", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    pins = tmp_path / "none.txt"
    pins.write_text(f"colorama==0.4.6 --hash=sha256:{'0' * 64}\n")
    for _ in range(2):
        with pytest.raises(SystemExit, match="colorama"):
            environment.environment("none")
    pins.write_text("")
    made = environment.environment("none")
    assert subprocess.run([made / "python", "-c", ""], check=True).returncode == 0
    assert list(cache.glob("none-*/")) == [made.parent]
