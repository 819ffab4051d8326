"""`make bench`: the harness beside its bare floor, in one run, as ratios. Prints a table and fails on nothing.

Times of a shared machine are noisy: every figure is a median of rounds that alternate between the two sides.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from tests.bench import cpu_per_request

BENCHES = {"requests": cpu_per_request.rows}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which rows; all of them without a name")
    chosen = parser.parse_args().names or list(BENCHES)
    table = Table(title="harness against bare floor")
    for heading in ("what", "bare", "harness", "ratio or difference", "to reach"):
        table.add_column(heading)
    for name in chosen:
        for row in BENCHES[name]():
            table.add_row(*row)
            print(" | ".join(row), file=sys.stderr, flush=True)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
