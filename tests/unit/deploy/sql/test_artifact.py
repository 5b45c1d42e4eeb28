"""The columns of real artifacts: of the colour classifier, and of both examples; and of what is none."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.sql import artifact, mysql, redshift
from deploy.sql.function import Function
from deploy.sql.refusal import NotSql
from deploy.sql.schema import Column
from deploy.sql.types import Type
from examples.recommender import training
from local_test.engine import archive
from model import artifact as colour
from tests.server import ROOT
from tests.unit.examples.jobs import FREE, PEOPLE, run, tabular
from tests.unit.model.fitted import SCORES, fitted

LABEL = Column("answer", Type("varchar", 16, octets=16))
DOUBLE = Column("answer", Type("double"))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    folder = tmp_path / "colours"
    folder.mkdir()
    colour.save(folder, fitted(), SCORES)
    return folder


def named(columns: tuple[Column, ...]) -> dict[str, str]:
    return {column.name: str(column.type) for column in columns}


def test_the_colour_classifier(colours: Path) -> None:
    """A request has R, G and B whatever its features are."""
    found = artifact.read(colours)
    assert named(found.columns) == {"R": "double", "G": "double", "B": "double"}
    assert found.returns == (LABEL,)


def test_a_table(tmp_path: Path) -> None:
    found = artifact.read(tabular(tmp_path, PEOPLE, FREE))
    assert named(found.columns) == {"age": "double", "plan": "varchar(16)", "news": "boolean", "spend": "double"}
    assert found.returns == (LABEL,)


@pytest.mark.parametrize(
    ("estimator", "target", "wanted"),
    [
        ("sklearn.linear_model.LinearRegression", "spend", DOUBLE),
        ("sklearn.cluster.KMeans", None, Column("answer", Type("bigint"))),
        ("sklearn.naive_bayes.GaussianNB", "whole", Column("answer", Type("bigint"))),
    ],
)
def test_the_answer_of_a_task(tmp_path: Path, estimator: str, target: str | None, wanted: Column) -> None:
    rows = "\n".join(["spend,size,whole", *(f"{n}.5,{n % 3},{n % 2}" for n in range(30))])
    given = {"estimator": estimator, **({"target": target} if target else {"estimator.n_clusters": "2"})}
    assert artifact.read(tabular(tmp_path, rows, given)).returns == (wanted,)


def test_what_answers_many_numbers_says_how_many(tmp_path: Path) -> None:
    model = tabular(tmp_path, "a,b,c\n" + "1,2,3\n4,5,6.5\n7,8,9\n1,5,9", {"estimator": "sklearn.decomposition.PCA"})
    with pytest.raises(NotSql, match="does not say how many numbers it answers"):
        artifact.read(model)
    answer = (Column("x", Type("double")), Column("y", Type("double")))
    assert artifact.read(model, answer).returns == answer


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ("user_id,product_id\n1,7\n1,8\n2,7\n2,9", ["bigint", "bigint"]),
        ("user,product\nann,tea\nann,milk\nbob,tea\nbob,한라봉", ["varchar(16)", "varchar(16)"]),
    ],
)
def test_the_recommender(tmp_path: Path, rows: str, kinds: list[str]) -> None:
    model = run(training, tmp_path, rows, training.Hyperparameters())
    found = artifact.read(model)
    assert named(found.columns) == dict(zip(rows.splitlines()[0].split(","), kinds, strict=True))
    assert found.returns == (DOUBLE,)


def test_an_archive_is_its_folder(colours: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    archive.pack([colours], packed)
    before = sorted(tmp_path.rglob("*"))
    assert artifact.read(packed) == artifact.read(colours)
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked


def test_texts_have_room_and_redshift_counts_bytes(colours: Path) -> None:
    record = json.loads((colours / "colour.json").read_text())
    record["labels"] = ["빨강", "아주 긴 이름의 색깔입니다 정말로"]
    (colours / "colour.json").write_text(json.dumps(record))
    made = Function("colour", "colours", artifact.read(colours))
    assert "RETURNS VARCHAR(32) CHARSET utf8mb4" in mysql.text(made)
    assert "RETURNS VARCHAR(64)" in redshift.text(made)


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return file.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "whole .tar.gz"),
        (b"no archive", "whole .tar.gz"),
        (gzip.compress(b"no archive"), "whole .tar.gz"),
        (tar((member("model.bin"), b"x"))[:60], "whole .tar.gz"),
        (tar((member("model.bin"), b"x")), "holds none of colour.json, schema.json, factors.npz"),
        (tar((member("colour.json", tarfile.SYMTYPE, "/etc/passwd"), b"")), "neither a file nor a folder"),
        (tar((member("colour.json", tarfile.LNKTYPE, "other"), b"")), "neither a file nor a folder"),
        (tar((member("colour.json", tarfile.FIFOTYPE), b"")), "neither a file nor a folder"),
        (tar((member("../colour.json"), b"{}")), "leads outside"),
        (tar((member("/colour.json"), b"{}")), "leads outside"),
        (tar((member("code/colour.json"), b"{}")), "holds none of"),
        (tar((member("./colour.json"), b"{}")), "it is not of format 1"),
        (tar((member("colour.json"), b"[]")), "it is not of format 1"),
        (tar((member("colour.json"), b'{"format": 2}')), "it is not of format 1"),
        (tar((member("colour.json"), b'{"format": 1}')), "KeyError: 'labels'"),
        (tar((member("colour.json"), b'{"format": 1, "labels": 3}')), "is not whole"),
        (tar((member("colour.json"), b"\xff")), "is not whole"),
        (tar((member("factors.npz"), b"no zip")), "is not whole"),
        (tar((member("schema.json"), b'{"format": 1, "columns": [], "task": "magic"}')), "the task 'magic'"),
        (tar((member("schema.json"), b'{"format": 1, "columns": [{"name": 1}], "task": "x"}')), "1 is not a text"),
        (
            tar((member("schema.json"), b'{"format": 1, "columns": [{"name": "a", "type": "b"}], "task": "x"}')),
            "the type 'b' is unknown",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "tar",  # gzip writes the time into its bytes
)
def test_what_is_no_artifact(tmp_path: Path, content: bytes, sentence: str) -> None:
    packed = tmp_path / "model.tar.gz"
    packed.write_bytes(content)
    with pytest.raises(NotSql) as raised:
        artifact.read(packed)
    assert sentence in str(raised.value)


def test_a_later_member_wins_as_when_it_is_unpacked(colours: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    whole = (colours / "colour.json").read_bytes()
    packed.write_bytes(tar((member("colour.json"), b"{}"), (member("colour.json"), whole)))
    assert artifact.read(packed).returns == (LABEL,)


def test_a_file_of_no_sensible_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "_MOST", 10)
    (tmp_path / "colour.json").write_text(" " * 11)
    packed = tmp_path / "model.tar.gz"
    packed.write_bytes(tar((member("colour.json"), b" " * 11)))
    for place in (tmp_path, packed):
        with pytest.raises(NotSql, match="has 11 bytes, more than 10"):
            artifact.read(place)


def test_the_command_reads_the_artifact(colours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--engine", "aurora-mysql", "--endpoint", "colours"]
    assert main(["sql", *asked, "--artifact", str(colours)]) == 0
    assert "`B` DOUBLE\n)\nRETURNS VARCHAR(16) CHARSET utf8mb4\n" in capsys.readouterr().out
    assert main(["sql", *asked, "--artifact", str(colours), "--returns", "varchar(99)"]) == 0
    assert "RETURNS VARCHAR(99) CHARSET utf8mb4\n" in capsys.readouterr().out
    assert main(["sql", *asked, "--artifact", str(colours / "none")]) == 1
    assert "there is no artifact" in capsys.readouterr().err


def test_no_code_of_the_models_is_imported(colours: Path) -> None:
    code = (
        f"import sys; from pathlib import Path; from deploy.sql import artifact; artifact.read(Path({str(colours)!r}))"
    )
    code += "; print(*sys.modules)"
    environ = {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert imported & {"model", "examples", "numpy", "sklearn", "boto3", "tiffin", "moto"} == set()
