import base64
import json
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.models import artifact, frames, process, registry
from serve.models.faults import fault, raise_fault
from serve.models.keeper import address_of
from serve.models.registry import Artifact, Model
from tiffin import errors
from tiffin.predictor import Reply
from tiffin.settings import Settings


@given(fields=st.dictionaries(st.text(), st.text() | st.none() | st.integers()), body=st.binary(max_size=200_000))
def test_a_frame_arrives_as_it_was_sent(fields: frames.Fields, body: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        sender = threading.Thread(target=frames.send, args=(here, fields, body))
        sender.start()
        assert frames.receive(there) == (fields, body)
        sender.join()


@given(fields=st.dictionaries(st.text(), st.text()), cut=st.integers(min_value=0, max_value=500))
def test_a_question_is_whole_or_not_yet(fields: frames.Fields, cut: int) -> None:
    data = frames.encode(fields)
    assert frames.decode(data[:cut]) == (fields if cut >= len(data) else None)


def test_half_a_frame_is_an_end() -> None:
    here, there = socket.socketpair()
    with there:
        with here:
            here.sendall(frames.encode({"a": 1}, 5) + b"four")
        with pytest.raises(frames.Ended):
            frames.receive(there)


@pytest.mark.parametrize("error", [errors.BadPayload("hot", row=2, column="é"), errors.OutOfMemory("none is left")])
def test_an_error_is_the_same_on_the_other_side(error: errors.PublicError) -> None:
    with pytest.raises(errors.PublicError) as caught:
        raise_fault(json.loads(json.dumps(fault(error))))
    other = caught.value
    assert (type(other).__name__, other.status, str(other)) == (type(error).__name__, error.status, str(error))
    assert (other.row, other.column) == (error.row, error.column)
    assert not isinstance(other, errors.UserCodeError)


def test_no_name_is_a_path() -> None:
    folder = Path("/tmp/private")  # noqa: S108
    for name in ("..", "/etc/passwd", "\0", "a/b", "é" * 1000):
        address = address_of(folder, name)
        assert Path(address).parent == folder
        assert len(address) < 60


@given(names=st.sets(st.text(min_size=1, max_size=50).filter(lambda name: name.isprintable()), max_size=250))
def test_pages_together_are_all_that_is_listed(names: set[str]) -> None:
    models = [Model(name, Artifact("u" * 3000, "", 0), "", listed=True) for name in names]
    models.append(Model("hidden", Artifact("", "", 0), ""))
    seen, token = [], None
    for _ in range(len(names) + 1):
        page = registry.page(models, token)
        seen += [entry["modelName"] for entry in page["models"]]
        assert len(frames.encode(page)) < 150_000  # a socket takes it at once
        token = page.get("nextPageToken")
        if token is None:
            break
    assert seen == sorted(names)


@pytest.mark.parametrize("token", ["x", "é", "====", base64.urlsafe_b64encode(b"\xff").decode()])
def test_a_token_of_somebody_elses(token: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        registry.page([], token)


def test_size_of_an_artifact_counts_files_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"x" * 10)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert 1010 <= artifact.size(tmp_path) < 1500


@pytest.mark.parametrize(
    ("raised", "status", "name"), [(MemoryError(), 507, "OutOfMemory"), (KeyError("ours"), 500, "InternalError")]
)
def test_what_fails_beside_user_code_is_answered_too(
    tmp_path: Path, raised: Exception, status: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        raw = None

        def predict(self, *_: object) -> Reply:
            raise raised

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=process._answer_all, args=(listener, Broken(), Settings()))
        thread.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(str(tmp_path / "s"))
            frames.send(caller, {"headers": {}, "accept": None, "request_id": "r"})
            assert "taken" in frames.receive(caller)[0]
            answer, _ = frames.receive(caller)
        assert (answer["status"], answer["error"]) == (status, name)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert ("a defect in the model's process" in caplog.text) == (status == 500)
