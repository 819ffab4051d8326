"""`harness compare DIR DIR`: reads two runs, compares and prints them. Knows no difference itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from harness.analysis.compare.comparison import compare
from harness.analysis.compare.table import lines, sheet, to_json
from harness.analysis.records import load
from harness.errors import UsageError
from harness.findings import say
from harness.terminal import table_screen

if TYPE_CHECKING:
    from pathlib import Path


def compare_command(one: Path, other: Path, *, as_json: bool = False) -> int:
    """Print how the runs in two folders differ, item by item.

    Args:
        as_json: one JSON object with every differing item, instead of a table with the first twenty.

    Returns:
        The exit code: 0, however much differs.

    Raises:
        UsageError: a folder without results, the same folder twice, or runs that have nothing in common.
        JournalCorruptError: a line of a journal is no record.
    """
    if one.resolve() == other.resolve():
        raise UsageError(f"{one} and {other} are the same folder. Name two runs.")
    found = compare(load(one), load(other))
    if as_json:
        sys.stdout.write(json.dumps(to_json(found), indent=2) + "\n")
    else:
        screen = table_screen()
        screen.print(sheet(found).shown(screen.width))
        for line in lines(found):
            sys.stdout.write(line + "\n")
    for note in found.notes:
        say(note)
    return 0
