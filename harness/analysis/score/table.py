"""Counted marks for a terminal. Counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.sheets import Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.analysis.score.summary import MarkCounts, Share

_WATERMARK = "  SIMULATED: not every answer is by the model that it names"
_REMARKS = (
    "Heuristics over words, no labels. abstained, refused: by phrases in an answer's first sentences.",
    "existence: takes the entity for what it is, of the answers that show it; unclear: of those that do not.",
    "own CVEs: answers with CVE ids that stand neither in the prompt nor in its gold.",
)


def sheet(folder: Path, counts: Sequence[MarkCounts]) -> Sheet:
    """A row for each variant and kind of prompt."""
    columns = [
        Column("answers", [str(one.answers) for one in counts]),
        Column("abstained", [_cell(one.abstained) for one in counts]),
        Column("refused", [_cell(one.refused) for one in counts], 1),
        Column("existence", [_cell(one.agrees) for one in counts]),
        Column("unclear", [_cell(one.unclear) for one in counts], 2),
        Column("own CVEs", [_cell(one.citing) for one in counts], 3),
        Column("gold points", [_cell(one.points) for one in counts], 1),
    ]
    # Before the name, because of a long one the middle is cut.
    names = [Column("variant", [f"sim {one.variant}" if one.simulated else one.variant for one in counts])]
    title = f"{folder}: heuristic marks" + (_WATERMARK if any(one.simulated for one in counts) else "")
    return Sheet(title, names, [Column("prompts", [one.kind for one in counts]), *columns], _REMARKS)


def _cell(share: Share) -> str:
    return f"{share.count}/{share.of} {share.count / share.of:4.0%}" if share.of else "-"
