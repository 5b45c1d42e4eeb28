"""`tiffin.toml` and flags into frozen settings: a flag wins over the file, the file over the default."""

import argparse
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_origin

from deploy.errors import DeployError
from deploy.sections import SECTIONS, Project

FILE = Path("tiffin.toml")
PROJECT = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
Section = TypeVar("Section")
_PLACEHOLDERS: Mapping[Any, str] = {int: "N", float: "N", Path: "PATH"}
_NAMES: Mapping[Any, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a string",
}


def add_flags(parser: argparse.ArgumentParser, sections: Sequence[type]) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"the settings' file (default: {FILE})")
    for section in sections:
        for name, one in _fields(section).items():
            parser.add_argument(f"--{name.replace('_', '-')}", **_flag(one))


def read(section: type[Section], options: argparse.Namespace) -> Section:
    """Of the file's table and the flags; raises DeployError naming the place of what is wrong."""
    file = options.config or FILE
    if options.config and not file.is_file():
        raise DeployError(f"there is no file {file}")
    table = _tables(file).get(next(name for name, each in SECTIONS.items() if each is section), {})
    values = {
        name: _typed(f"{file}: {name}", one, table[name]) for name, one in _fields(section).items() if name in table
    }
    for name, one in _fields(section).items():
        given = getattr(options, name, None)
        if given is not None:
            values[name] = _flag_value(name, one, given, values.get(name))
    for name, one in _fields(section).items():
        allowed = one.metadata["of"]
        if allowed and values.get(name, one.default) not in allowed:
            raise DeployError(f"{name} {values[name]!r} is none of {', '.join(repr(each) for each in allowed)}")
    made = section(**values)
    if isinstance(made, Project) and not PROJECT.fullmatch(made.project):
        what = (
            f"the project's name {made.project!r} is not 2 to 32 of a-z, 0-9 and -"
            if made.project
            else "the project has no name"
        )
        raise DeployError(f'{what}: write project = "colours" under [project] in {file}, or --project colours')
    return made


def _tables(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeployError(f"{file} is not TOML: {error}") from None
    for table, content in document.items():
        if table not in SECTIONS:
            raise DeployError(f"{file}: there is no table [{table}]{_nearest(table, SECTIONS)}")
        if not isinstance(content, dict):
            raise DeployError(f"{file}: {table} is not a table: write [{table}] on a line of its own")
        for key in content:
            if key not in _fields(SECTIONS[table]):
                raise DeployError(f"{file}: [{table}] has no {key}{_nearest(key, _fields(SECTIONS[table]))}")
    return document


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"; is it {close[0]}?" if close else f"; there are {', '.join(known)}"


def _fields(section: type) -> dict[str, Field[Any]]:
    return {each.name: each for each in fields(section)}


def _flag(one: Field[Any]) -> dict[str, Any]:
    flag: dict[str, Any] = {"help": one.metadata["help"].replace("%", "%%"), "dest": one.name}
    if one.type is bool:
        return {**flag, "action": argparse.BooleanOptionalAction}
    if _is_table(one) or _is_list(one):
        return {**flag, "action": "append", "metavar": "NAME=VALUE" if _is_table(one) else "VALUE"}
    if one.metadata["of"]:
        return {**flag, "choices": one.metadata["of"]}
    return {**flag, "type": one.type, "metavar": _PLACEHOLDERS.get(one.type, "VALUE")}


def _flag_value(name: str, one: Field[Any], given: Any, from_file: Any) -> Any:
    if _is_list(one):
        return tuple(given)
    if not _is_table(one):
        return given
    pairs = [each.partition("=") for each in given]
    for (key, equals, _), text in zip(pairs, given, strict=True):
        if not key or not equals:
            raise DeployError(f"--{name.replace('_', '-')} {text!r} is not NAME=VALUE")
    return {**(from_file or {}), **{key: value for key, _, value in pairs}}


def _typed(where: str, one: Field[Any], value: Any) -> Any:
    """What TOML gave as the field's type."""
    if _is_table(one) and isinstance(value, dict):
        return {key: _text(f"{where}.{key}", each) for key, each in value.items()}
    if _is_list(one) and isinstance(value, list):
        return tuple(_text(where, each) for each in value)
    if one.type is Path and isinstance(value, str):
        return Path(value)
    if one.type is float and type(value) is int:
        return float(value)
    if type(value) is one.type:
        return value
    wanted = "a table" if _is_table(one) else "a list of strings" if _is_list(one) else _NAMES[one.type]
    raise DeployError(f"{where} is {value!r} and not {wanted}")


def _text(where: str, value: Any) -> str:
    """Hyperparameters, tags and variables are strings on the platform (T-01), and may be written as numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise DeployError(f"{where} is {value!r} and not a string")


def _is_table(one: Field[Any]) -> bool:
    return get_origin(one.type) is get_origin(Mapping[str, str])


def _is_list(one: Field[Any]) -> bool:
    return get_origin(one.type) is tuple
