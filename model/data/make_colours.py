"""Write colours.csv, the data the colour classifier ships with: named colours, labelled by their names.

    python model/data/make_colours.py [--color-name-list colornames.csv] [--output colours.csv]

The rule, the sources and their licences are in README.md beside this file.
"""

import argparse
import csv
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matplotlib.colors import CSS4_COLORS, XKCD_COLORS

COLOR_NAME_LIST_VERSION = "14.29.0"  # npm color-name-list; another version gives other rows
HEADER = ("NAME", "COL", "R", "G", "B", "LABEL", "SOURCE")

LABELS = ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "violet", "brown")
WORDS: Mapping[str, str] = {label: label for label in LABELS} | {"grey": "gray", "purple": "violet"}


@dataclass(frozen=True)
class Colour:
    name: str
    col: str  # "#rrggbb", lower case
    label: str
    source: str

    def row(self) -> tuple[str, str, int, int, int, str, str]:
        red, green, blue = bytes.fromhex(self.col[1:])
        return self.name, self.col, red, green, blue, self.label, self.source


def label_of(name: str, *, spaced: bool = True) -> str | None:
    """The basic colour a name ends in, or None. `spaced=False`: CSS writes its words together."""
    if not spaced:
        ends = [word for word in WORDS if name.lower().endswith(word)]
        return WORDS[max(ends, key=len)] if ends else None
    words = re.findall(r"[^\W\d_]+", name.lower())  # runs of letters: "red-orange" ends in a word too
    return WORDS.get(words[-1]) if words else None


def labelled(names: Iterable[tuple[str, str]], source: str, *, spaced: bool = True) -> Iterator[Colour]:
    for name, col in names:
        label = label_of(name, spaced=spaced)
        if label is not None:
            yield Colour(name, col.lower(), label, source)


def xkcd() -> Iterator[Colour]:
    names = ((name.removeprefix("xkcd:"), str(col)) for name, col in XKCD_COLORS.items())
    return labelled(names, "xkcd")


def css() -> Iterator[Colour]:
    names = ((name, str(col)) for name, col in CSS4_COLORS.items())
    return labelled(names, "css", spaced=False)


def color_name_list(path: Path) -> Iterator[Colour]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if next(rows)[:2] != ["name", "hex"]:
            raise ValueError(f"{path} does not start with the columns name,hex")
        names = [(row[0], row[1]) for row in rows]
    return labelled(names, "color-name-list")


def once(colours: Iterable[Colour]) -> Iterator[Colour]:
    """The first of each name and hex; case, spaces, punctuation and grey for gray make no other name."""
    seen: set[tuple[str, str]] = set()
    for colour in colours:
        key = re.sub(r"[\W_]", "", colour.name.lower()).replace("grey", "gray"), colour.col
        if key not in seen:
            seen.add(key)
            yield colour


def write(colours: Iterable[Colour], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(colour.row() for colour in colours)


@contextmanager
def fetched(version: str = COLOR_NAME_LIST_VERSION) -> Iterator[Path]:
    """The csv inside npm's package, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"color-name-list@{version}"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        csv_path = Path(folder, "colornames.csv")
        with tarfile.open(Path(folder, f"color-name-list-{version}.tgz")) as package:
            member = package.extractfile("package/dist/colornames.csv")
            if member is None:
                raise ValueError(f"color-name-list {version} has a folder where its csv should be")
            csv_path.write_bytes(member.read())
        yield csv_path


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the shipped colours.csv.")
    parser.add_argument("--color-name-list", type=Path, metavar="PATH", help="its colornames.csv; else npm's")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("colours.csv"))
    args = parser.parse_args()
    if args.color_name_list is not None:
        write(once([*xkcd(), *css(), *color_name_list(args.color_name_list)]), args.output)
        return
    with fetched() as path:
        write(once([*xkcd(), *css(), *color_name_list(path)]), args.output)


if __name__ == "__main__":
    main()
