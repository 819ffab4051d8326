"""CPU that `python -m harness --help` takes, against the import of typer alone, on which it is built.

Each side is a child process of its own; CPU is what the system counted for it, user and system, from its first to its
last instruction. The interpreter's start is in both. Wall time would measure whoever else uses the machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 7
TARGET_S = 0.35


def rows() -> Iterator[Row]:
    """One row."""
    bare, harness = ["-c", "import typer"], ["-m", "harness", "--help"]
    # Once for nothing: byte code is compiled, files are in the page cache.
    _cpu_s(bare)
    _cpu_s(harness)
    floors, ours = in_turn(ROUNDS, lambda: _cpu_s(bare), lambda: _cpu_s(harness))
    yield Row(
        "python -m harness --help, CPU",
        median_of(floors, "s"),
        median_of(ours, "s"),
        f"{statistics.median(ours) - statistics.median(floors):+.2f} s",
        judged(f"<= {TARGET_S} s", reached=statistics.median(ours) <= TARGET_S),
    )


def _cpu_s(arguments: list[str]) -> float:
    process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime
