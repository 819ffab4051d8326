"""A line of styled text, and what of it fits a width. Knows nothing of snapshots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = tuple[str, str]
"""Text and the style that it is shown in."""

Line = list[Part]

Ranked = tuple[int, str, str]
"""A part that may be left out: its rank, its text, its style. What has the highest rank goes first."""

GAP = 2
"""Cells between two parts."""


def fitting(ranked: Sequence[Ranked], width: int | None) -> Line:
    """The parts that fit `width` cells, with a gap between them; those without text are none.

    The one that matters most always stays.

    Args:
        width: None: any.
    """
    parts = [part for part in ranked if part[1]]
    shown: list[Ranked] = []
    room = math.inf if width is None else width + GAP
    for part in sorted(parts):
        needed = cell_len(part[1]) + GAP
        if needed <= room or not shown:
            shown.append(part)
            room -= needed
    gap: Part = (" " * GAP, "")
    return [piece for part in parts if part in shown for piece in (part[1:], gap)][:-1]
