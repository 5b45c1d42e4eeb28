"""What sentences advise to type is there: the command, its word and its flags."""

import ast
import re
from collections.abc import Iterator

import pytest

from deploy.__main__ import _parser
from tests.server import ROOT

ADVICE = re.compile(r"`deploy ([a-z][^`]*)`")


def advised() -> Iterator[tuple[str, str]]:
    for file in sorted((ROOT / "deploy").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for words in ADVICE.findall(node.value):
                    yield str(file.relative_to(ROOT)), words


@pytest.mark.parametrize(("file", "words"), sorted(set(advised())))
def test_a_command_that_a_sentence_names_can_be_typed(
    file: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without what the user has to say himself, argparse misses that and nothing else."""
    try:
        _parser().parse_args(words.replace("up|down", "up").split())
    except SystemExit:
        said = capsys.readouterr().err
        assert "the following arguments are required" in said, f"{file}: `deploy {words}`: {said}"


def test_there_are_such_sentences() -> None:
    assert ("deploy/faults.py", "role deployer") in set(advised())
