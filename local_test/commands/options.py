"""What several commands ask for alike, and what follows from it."""

import argparse
import re
from pathlib import Path

from local_test import terminal
from local_test.engine.choose import choose
from local_test.engine.containers import Part, Resources, Runner
from tiffin import __version__

IMAGE = f"tiffin:{__version__}-colour"
_SIZE = re.compile(r"(\d+)([MG])i?B?", re.IGNORECASE)
_CODE = "code"  # below /opt/ml: where a folder of code is mounted, and Tiffin is told that its plug lies


def tree() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--base-dir", type=Path, default=Path(".tiffin/ml"), help="the /opt/ml tree")
    return parser


def container() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--image", default=IMAGE, help="the image to run (default: %(default)s)")
    parser.add_argument("--docker", action=argparse.BooleanOptionalAction, help="insist on the image, or on processes")
    parser.add_argument("--env", type=pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--code", type=folder, metavar="FOLDER", help="a plug to use in place of the image's own")
    parser.add_argument("--cpus", type=float, metavar="N", help="processors of the instance (default: all)")
    parser.add_argument("--memory", type=size, metavar="SIZE", help="of the instance, such as 8G (default: all)")
    return parser


def runner(options: argparse.Namespace) -> tuple[Runner, str]:
    """And the image to start with it: without Docker, a folder of code or that of the current folder."""
    found, why = choose(options.image, options.docker)
    called = f"the image {options.image}, in Docker" if found.runs_images else found.name
    terminal.say(f"running as {called}: {why}")
    if found.runs_images:
        return found, str(options.image)
    if options.cpus or options.memory:
        terminal.say("warning: processes get all processors and all memory; the limits need Docker")
    return found, str(options.code or "")


def resources(options: argparse.Namespace) -> Resources:
    return Resources(options.cpus, options.memory)


def environment(options: argparse.Namespace, runs_images: bool) -> dict[str, str]:
    told = {"TIFFIN_PLUG": f"/opt/ml/{_CODE}"} if options.code and runs_images else {}
    return {**told, **dict(options.env)}


def code_part(options: argparse.Namespace, runs_images: bool) -> tuple[Part, ...]:
    return (Part(_CODE, read_only=True, source=options.code),) if options.code and runs_images else ()


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def size(text: str) -> int:
    """Bytes."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 512M or 8G")
    return int(match[1]) * (2**30 if match[2] in "Gg" else 2**20)
