"""The public names and their signatures are those of the saved list; a change of them is a decision."""

from __future__ import annotations

import dataclasses
import inspect
import os
from pathlib import Path

import vivant

LIST = Path(__file__).parent / "api.txt"


def parameter(one: inspect.Parameter) -> str:
    """Name, kind and type, and whether there is a default; its value may change."""
    star = "*" if one.kind is inspect.Parameter.KEYWORD_ONLY else ""
    return f"{star}{one.name}: {one.annotation}{'' if one.default is inspect.Parameter.empty else ' = ...'}"


def describe(name: str) -> str:
    """One line: a function with its signature, a class with its fields or its methods."""
    thing = getattr(vivant, name)
    if inspect.isfunction(thing):
        return f"{name}({', '.join(map(parameter, inspect.signature(thing).parameters.values()))})"
    if dataclasses.is_dataclass(thing):
        return f"{name}({', '.join(f'{field.name}: {field.type}' for field in dataclasses.fields(thing))})"
    return f"class {name}"


def test_the_public_names_are_those_of_the_list() -> None:
    """To accept a change on purpose: VIVANT_ACCEPT_API=1 python -m pytest tests/test_api.py"""
    found = "".join(f"{describe(name)}\n" for name in vivant.__all__)
    if os.environ.get("VIVANT_ACCEPT_API"):
        LIST.write_text(found, encoding="utf-8")
    assert found == LIST.read_text(encoding="utf-8")


def test_every_public_name_is_documented() -> None:
    for name in vivant.__all__:
        assert (getattr(vivant, name).__doc__ or "").strip(), name


def test_unknown_names_are_unknown() -> None:
    assert not hasattr(vivant, "no_such_name")
    assert set(vivant.__all__) <= set(dir(vivant))
