"""`verify IMAGE` and `explain ID` on the command line."""

import argparse
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_test.verify import report
from local_test.verify.payload import Payload
from local_test.verify.probe import EngineError
from local_test.verify.statements import UnknownStatement, explain, statements
from local_test.verify.subject import Subject, SubjectError
from local_test.verify.verdict import Verdict
from tiffin import media

COULD_NOT_JUDGE = 2


def add_parser(commands: Any) -> None:
    """Both commands, `verify` and `explain`."""
    _verify(commands.add_parser("verify", help="judge an image: will SageMaker run it?"))
    parser = commands.add_parser("explain", help="print a line of the contract, and how to mend what breaks it")
    parser.add_argument("explain", metavar="ID", help="of a line of the contract, such as H-18")
    parser.set_defaults(command=run)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", help="what to judge, by its name or id in the Docker engine here")
    parser.add_argument("--explain", metavar="ID", help="print a line of the contract, and how to mend what breaks it")
    parser.add_argument("--payload", type=Path, metavar="FILE", help="a body that the model answers")
    parser.add_argument("--content-type", help="of the payload; default: by its name")
    parser.add_argument("--channel", type=_pair, action="append", default=[], metavar="NAME=PATH", help="to train with")
    parser.add_argument("--train", type=Path, metavar="DIR", help="short for --channel train=DIR")
    parser.add_argument("--hyperparameter", "-p", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--model", type=Path, metavar="DIR_OR_TAR", help="the artifact to serve; default: what training made"
    )
    parser.add_argument("--pipe", action="append", default=[], metavar="CHANNEL", help="it is read in Pipe mode too")
    parser.add_argument(
        "--metric", type=_pair, action="append", default=[], metavar="NAME=REGEX", help="read from the training's log"
    )
    parser.add_argument("--message", type=Path, metavar="FILE", help="what a stream answers; default: the payload")
    parser.add_argument("--env", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--start-window", type=float, default=120.0, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument("--only", default="", metavar="ID,ID", help="these lines of the contract and no others")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="the verdicts as JUnit's XML")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the verdicts as JSON")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """0: all pass or warn; 1: something fails; 2: it could not be judged."""
    from local_test.verify.judge import judge

    try:
        if options.explain:
            sys.stdout.write(explain(options.explain) + "\n")
            return 0
        subject = _subject(options)
        only = tuple(filter(None, options.only.upper().split(",")))
        if unknown := [identity for identity in only if identity not in statements()]:
            raise UnknownStatement(f"--only: there is no {', '.join(unknown)}")
        progress = _Progress(report.colour_wanted())
        judgement = judge(subject, progress, only)
    except (SubjectError, EngineError, UnknownStatement) as error:
        sys.stderr.write(f"verify: {error}\n")
        return COULD_NOT_JUDGE
    progress.end()
    sys.stdout.write(report.table(judgement, report.colour_wanted()) + "\n")
    if options.junit:
        options.junit.write_text(report.as_junit(judgement), encoding="utf-8")
    if options.json:
        options.json.write_text(report.as_json(judgement), encoding="utf-8")
    return judgement.exit_status


def _subject(options: argparse.Namespace) -> Subject:
    if not options.image:
        raise SubjectError("which image? verify IMAGE, or verify --explain ID")
    channels = {name: Path(path).resolve() for name, path in options.channel}
    if options.train:
        channels["train"] = options.train.resolve()
    given = [*channels.values(), *filter(None, (options.payload, options.model, options.message))]
    if missing := [str(path) for path in given if not path.exists()]:
        raise SubjectError(f"there is no {', '.join(missing)}")
    payload = None
    if options.payload:
        content_type = options.content_type or media.of_file(options.payload)
        if content_type is None:
            raise SubjectError(f"the name {options.payload.name} does not tell its Content-Type; add --content-type")
        payload = Payload(options.payload.read_bytes(), content_type)
    if unknown := sorted(set(options.pipe) - channels.keys()):
        raise SubjectError(f"--pipe {unknown[0]}: there is no such channel; give --channel {unknown[0]}=PATH too")
    return Subject(
        options.image,
        payload,
        channels,
        dict(options.hyperparameter),
        options.model.resolve() if options.model else None,
        dict(options.env),
        Payload(options.message.read_bytes(), "") if options.message else None,
        tuple(dict.fromkeys(options.pipe)),
        _metrics(options.metric),
        options.start_window,
    )


def _metrics(given: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """As CreateTrainingJob takes them: a group is the number."""
    for name, text in given:
        try:
            groups = re.compile(text).groups
        except re.error as error:
            raise SubjectError(f"--metric {name}: {text!r} is no regular expression: {error}") from None
        if not groups:
            raise SubjectError(f"--metric {name}: {text!r} has no group, whose text would be the number")
    return dict(given)


class _Progress:
    """A line for each verdict as it comes; on a terminal, one line that is written over."""

    def __init__(self, on_terminal: bool) -> None:
        self._on_terminal = on_terminal
        self._lock = threading.Lock()
        self._count = 0

    def __call__(self, verdict: Verdict) -> None:
        with self._lock:
            self._count += 1
            text = report.line(verdict, self._on_terminal)
            if self._on_terminal:
                sys.stderr.write(f"\r\033[2K{self._count:3} {text[: report.WIDTH]}\033[0m")
            else:
                sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def end(self) -> None:
        if self._on_terminal:
            sys.stderr.write("\r\033[2K")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
