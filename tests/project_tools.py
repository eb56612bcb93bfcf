"""The programs in `tools/`, as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


def load_tool(name: str) -> Any:
    """The module `tools/NAME.py`."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.parent / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    tool = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool
