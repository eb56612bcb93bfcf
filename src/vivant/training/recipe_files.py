"""Frozen dataclasses from TOML files: tables are nested dataclasses, entries keep the types of the fields."""

from __future__ import annotations

import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from vivant.errors import SettingsError

T = TypeVar("T")
LARGEST = 1 << 20
"""Bytes."""
TAKES: Mapping[Any, tuple[type, ...]] = {Path: (str,), float: (int, float), int: (int,), bool: (bool,), str: (str,)}
"""What TOML has for the plain types of fields."""


def read_recipe(path: Path | None, kind: type[T]) -> T:
    """The dataclass `kind` with what the file at `path` says, or its defaults without a file.

    Paths within are relative to the file. Raises SettingsError that names the file and the entry.
    """
    if path is None:
        return kind()
    try:
        if path.stat().st_size > LARGEST:
            raise SettingsError(f"{path}: too large for a recipe")
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give a recipe in TOML") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not a recipe in TOML: {error}") from None
    try:
        return from_table(kind, read, path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


def from_table(kind: type[T], table: Mapping[str, Any], folder: Path, where: str = "") -> T:
    """The dataclass `kind` of a `table` of TOML, which may leave entries out; `where` names it in errors."""
    hints = typing.get_type_hints(kind)
    known = {one.name: hints[one.name] for one in fields(kind) if one.init}  # type: ignore[arg-type]
    unknown = [name for name in table if name not in known]
    if unknown:
        raise SettingsError(f"there is no {where}{unknown[0]}; known are {', '.join(known)}")
    given = {name: _value(known[name], value, folder, where + name) for name, value in table.items()}
    return kind(**given)


def _value(wanted: Any, value: Any, folder: Path, where: str) -> Any:
    """`value` as the type `wanted`: a dataclass, Literal, optional, tuple, Path, bool, int, float or str."""
    origin, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return _value(next(part for part in parts if part is not type(None)), value, folder, where)
    if is_dataclass(wanted) and isinstance(value, dict):
        return from_table(typing.cast(type, wanted), value, folder, where + ".")
    if origin is tuple and isinstance(value, list):
        kinds = [parts[0]] * len(value) if parts[-1] is Ellipsis else list(parts)
        if len(kinds) == len(value):
            return tuple(_value(kind, one, folder, where) for kind, one in zip(kinds, value, strict=True))
    if origin is Literal and value in parts:
        return value
    if type(value) in TAKES.get(wanted, ()) and (wanted is not float or math.isfinite(value)):
        return folder / value if wanted is Path else wanted(value)
    raise SettingsError(f"{where} cannot be {value!r}; {_told(wanted, origin, parts)}")


def _told(wanted: Any, origin: Any, parts: tuple[Any, ...]) -> str:
    """What a type takes, in words."""
    if origin is Literal:
        return "give one of " + ", ".join(map(repr, parts))
    if origin is tuple:
        return "give a list of numbers" if parts[-1] is Ellipsis else f"give {len(parts)} numbers"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", Path: "a path"}
    return f"give {words.get(wanted, 'a table')}"
