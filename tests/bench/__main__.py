"""`make bench`: the harness beside its bare floor, in one run, as ratios. No figure makes it fail.

Times of a shared machine are noisy: figures are medians of rounds in which the two sides take turns, with the lowest
and the highest in brackets. Each row is printed as it comes, and all of them once more as a table.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHES = {
    "requests": "cpu_per_request",
    "wall": "api_wall",
    "makespan": "makespan",
    "limiter": "limiter",
    "journal": "journal_acks",
    "scan": "journal_scan",
    "help": "help_cpu",
    "dashboard": "dashboard",
    "report": "report",
    "local": "local_generation",
    "local-memory": "local_memory",
    "local-lag": "local_lag",
    "ray": "ray_replicas",
}
"""The module of each name; one is imported only when its turn comes, so that none pays for another's imports."""


def main() -> int:
    """Measure what was asked for; 1 where something could not be measured."""
    chosen = _arguments().names or list(BENCHES)
    table = Table(title="harness against bare floor")
    for heading in ("what", "bare", "harness", "ratio or difference", "to reach"):
        table.add_column(heading)
    broken = False
    for name in chosen:
        try:
            for row in _rows(name):
                table.add_row(*row)
                print(" | ".join(row), file=sys.stderr, flush=True)
        except Exception as error:  # noqa: BLE001 - the other rows took minutes and are still worth having
            broken = True
            traceback.print_exc()
            table.add_row(f"{name}: not measured", "", "", "", f"{type(error).__name__}: {error}")
    Console(width=160).print(table)
    return int(broken)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHES)}; without one, all of them"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench called {', '.join(unknown)}; there is {', '.join(BENCHES)}")
    return arguments


def _rows(name: str) -> Iterator[tuple[str, ...]]:
    return importlib.import_module(f"tests.bench.{BENCHES[name]}").rows()


if __name__ == "__main__":
    sys.exit(main())
