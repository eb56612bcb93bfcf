"""`vivant bench`: figures of this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from vivant.bench import BenchSettings, bench_table


@dataclass(frozen=True)
class BenchOptions:
    """Print this machine's figures."""

    bench: BenchSettings = field(default_factory=BenchSettings)
    json: bool = False
    """Print the figures as a JSON object."""
    debug: bool = False
    """Show the traceback of an error."""


def bench(options: BenchOptions) -> int:
    """`vivant bench`"""
    rows = bench_table(options.bench)
    if options.json:
        print(json.dumps({"event": "result", **{row.name: row.value for row in rows}}))
    else:
        for row in rows:
            print(f"{row.name:34} {row.value:9.1f} {row.unit:9} {row.remark}".rstrip())
    return 0
