"""How many answers of another run can be used, and why others cannot, as numbers and in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Counts:
    """Of one folder.

    Args:
        held: answers that are in it, whatever they are of.
        taken: those that answer an item which is left to do.
        left_out: those that do and cannot be used, by the reason.
    """

    held: int = 0
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def sentence(folder: str, held: int, taken: int, left_out: Mapping[str, int]) -> str:
    """What was taken from `folder`, which has `held` answers: `reuse: 1200 answers taken from out/other-run`."""
    if not taken and not left_out:
        return f"reuse: no answer taken from {folder}; none of the {held} there is to an item that is left to do"
    return f"reuse: {_answers(taken)} taken from {folder}{left_out_clause(left_out)}"


def left_out_clause(left_out: Mapping[str, int]) -> str:
    """What follows where something was left out, else nothing."""
    if not left_out:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
    return f"; {sum(left_out.values())} left out and asked again: {reasons}"


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"
