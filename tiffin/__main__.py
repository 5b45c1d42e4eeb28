"""`tiffin COMMAND ...`: hands over to the room of that name, and imports nothing of it before."""

import runpy
import sys

from tiffin import __version__

COMMANDS = {
    "train": ("train", "run a training job, as in the container"),
    "serve": ("serve", "serve the model, as in the container"),
    "local": ("local_test", "SageMaker on your machine: train, serve, predict, demo"),
    "deploy": ("deploy", "AWS: build, push, train, up, invoke, sql, destroy"),
    "doctor": ("tiffin.doctor", "what this machine has, and what to do about what is missing"),
}


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        module, _ = COMMANDS[sys.argv[1]]
        sys.argv = [f"tiffin {sys.argv[1]}", *sys.argv[2:]]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    if sys.argv[1:] == ["--version"]:
        print(f"tiffin {__version__}")
        return 0
    asked_for_help = sys.argv[1:] in ([], ["--help"], ["-h"], ["help"])
    out = sys.stdout if asked_for_help else sys.stderr
    if not asked_for_help:
        print(f"tiffin: there is no command {sys.argv[1]!r}", file=out)
    print("usage: tiffin COMMAND ...\n", file=out)
    for name, (_, meaning) in COMMANDS.items():
        print(f"  {name:<8} {meaning}", file=out)
    return 0 if asked_for_help else 2


if __name__ == "__main__":
    sys.exit(main())
