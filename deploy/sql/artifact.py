"""The columns of a model by its artifact: a folder, or a model.tar.gz of which nothing is written to the disk.

colour.json   the colour classifier
schema.json   examples/tabular: typed columns, task and labels
factors.npz   examples/recommender: the names and types of its two ids
"""

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from deploy.sql.refusal import NotSql
from deploy.sql.schema import ANSWER, Column, Schema
from deploy.sql.types import Type

FORMAT = 1
_MOST = 1 << 28  # bytes of one of these files
_LEAST = 16  # characters
_INSTEAD = "say it by --columns 'user_id bigint, item_id bigint' --returns double"


def read(place: Path, answer: tuple[Column, ...] | None = None, named: str = "") -> Schema:
    """`answer`: in the place of what the artifact says; `named`: where it was fetched from, for the sentences.

    Raises NotSql for what is no artifact of these.
    """
    named = named or str(place)
    if not place.exists():
        raise NotSql(f"there is no artifact {named}")
    files = _of_folder(place) if place.is_dir() else _of_archive(place)
    for name, reader in _READERS.items():
        if name in files:
            try:
                found, own = reader(files[name])
            except (AttributeError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
                raise NotSql(
                    f"{named}: {name} is not whole: {type(error).__name__}: {error}; train again, or {_INSTEAD}"
                ) from None
            answer = answer or own
            if answer is None:
                raise NotSql(
                    f"{named}: {name} does not say how many numbers it answers: give --returns 'a double, b double'"
                )
            return Schema(found, answer)
    raise NotSql(f"{named} holds none of {', '.join(_READERS)}, so that its columns are unknown: {_INSTEAD}")


def _of_folder(folder: Path) -> dict[str, bytes]:
    found = {}
    for name in _READERS:
        file = folder / name
        if file.is_file():
            _check_size(folder, name, file.stat().st_size)
            found[name] = file.read_bytes()
    return found


def _of_archive(archive: Path) -> dict[str, bytes]:
    """Later members of a name win, as when they are unpacked."""
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if not (member.isfile() or member.isdir()):
                    raise NotSql(
                        f"{archive}: {member.name} is neither a file nor a folder; SageMaker refuses it (H-19)"
                    )
                if path.is_absolute() or ".." in path.parts:
                    raise NotSql(f"{archive}: {member.name} leads outside the archive")
                if member.isfile() and str(path) in _READERS:
                    _check_size(archive, member.name, member.size)
                    content = tar.extractfile(member)
                    found[str(path)] = content.read() if content is not None else b""
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise NotSql(f"{archive} is neither a folder nor a whole .tar.gz: {error or type(error).__name__}") from None
    return found


def _check_size(place: Path, name: str, size: int) -> None:
    if size > _MOST:
        raise NotSql(f"{place}: {name} has {size} bytes, more than {_MOST}: {_INSTEAD}")


def _document(content: bytes) -> Mapping[str, Any]:
    document = json.loads(content)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is not of format {FORMAT}")
    return document


def texts(longest: Iterable[str]) -> Type:
    """With room for longer ones: Aurora cuts a text that does not fit in silence (Q-05)."""
    known = list(longest)
    return Type(
        "varchar",
        _room(max((len(text) for text in known), default=1)),
        octets=_room(max((len(text.encode()) for text in known), default=1)),
    )


def _room(length: int) -> int:
    return max(_LEAST, 1 << (length - 1).bit_length())


Read = tuple[tuple[Column, ...], tuple[Column, ...] | None]


def _colour(content: bytes) -> Read:
    labels = _document(content)["labels"]
    return tuple(Column(name, Type("double")) for name in "RGB"), _labels(labels)


def _tabular(content: bytes) -> Read:
    document = _document(content)
    columns = tuple(Column(_name(each["name"]), _cell(each)) for each in document["columns"])
    match document["task"]:
        case "classification":
            return columns, _labels(document["labels"])
        case "regression":
            return columns, (Column(ANSWER, Type("double")),)
        case "clustering" | "outliers":
            return columns, (Column(ANSWER, Type("bigint")),)
        case "decomposition":
            return columns, None
    raise ValueError(f"the task {document['task']!r} is unknown here")


def _cell(column: Mapping[str, Any]) -> Type:
    match column["type"]:
        case "number":
            return Type("double")
        case "boolean":
            return Type("boolean")
        case "category":
            return texts(_name(each) for each in column["categories"])
    raise ValueError(f"the type {column['type']!r} is unknown here")


def _labels(labels: Any) -> tuple[Column, ...]:
    whole = bool(labels) and all(isinstance(label, int) and not isinstance(label, bool) for label in labels)
    return (Column(ANSWER, Type("bigint") if whole else texts(map(str, labels))),)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    return value


def _recommender(content: bytes) -> Read:
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        if int(stored["format"]) != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        names = [str(name) for name in stored["names"]]
        kinds = [stored[ids].dtype for ids in ("user_ids", "product_ids")]
    columns = []
    for name, kind in zip(names, kinds, strict=True):
        characters = kind.itemsize // 4  # numpy keeps texts as UCS-4
        whole = Type("varchar", _room(characters), octets=_room(4 * characters))
        columns.append(Column(name, Type("bigint") if kind.kind == "i" else whole))
    return tuple(columns), (Column(ANSWER, Type("double")),)


_READERS: Mapping[str, Callable[[bytes], Read]] = {
    "colour.json": _colour,
    "schema.json": _tabular,
    "factors.npz": _recommender,
}
