"""`harness uncertainty DIR`: measures, prints, and writes rows where they are asked for. Knows no formula."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from harness.findings import say
from harness.terminal import table_screen

if TYPE_CHECKING:
    from pathlib import Path


def uncertainty_command(folder: Path, *, seed: int = 0, output: Path | None = None, as_json: bool = False) -> int:
    """Print measures of uncertainty per variant, and how well they tell hallucinations once there are labels.

    Args:
        seed: of the bootstrap.
        output: a file for one row per answer, `.csv` or `.jsonl`; None writes none.
        as_json: one JSON object instead of a table.

    Returns:
        The exit code.

    Raises:
        UsageError: no results, no token logprobs, an `output` that cannot be, labels of unknown items, a library that
            is not installed.
        JournalCorruptError: a line of the journal, or of the labels, is none.
    """
    # Not for those who only want the formulas, as the report does.
    from harness.analysis.uncertainty.assessed import assess  # noqa: PLC0415
    from harness.analysis.uncertainty.rows import refuse_output, write_rows  # noqa: PLC0415
    from harness.analysis.uncertainty.table import sheet, to_json  # noqa: PLC0415

    if output is not None:
        refuse_output(output)
    found = assess(folder, seed)
    if as_json:
        sys.stdout.write(json.dumps(to_json(found), indent=2) + "\n")
    else:
        screen = table_screen()
        screen.print(sheet(found).shown(screen.width))
    for note in found.notes:
        say(note)
    if output is not None:
        write_rows(found.answers, output)
        say(f"{len(found.answers)} answers are in {output}.")
    return 0
