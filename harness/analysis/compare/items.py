"""How the answers of two runs to one item differ. Counts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.texts import short_difference
from harness.analysis.score import marks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.records import Record

_ASKED = ("system", "prompt", "messages")
_NO_MARK = ("heuristic_abstained_by",)


class Kind(StrEnum):
    """What became of an item in both runs."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    ANSWERED_IN_ONE = "answered only in the first"
    ANSWERED_IN_OTHER = "answered only in the second"
    FAILED = "failed in both"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of both runs.

    Args:
        one: its record in the first run; `other` in the second.
        finish_reasons: in both, where they differ; None in place of a failure's.
        difference: of the two texts, in short; empty where they are the same or one is missing.
        marks: heuristic marks that changed: by name, before and after.
        same_prompt: whether both were asked the same.
    """

    one: Record
    other: Record
    kind: Kind
    finish_reasons: tuple[str | None, str | None] | None
    difference: str
    marks: Mapping[str, tuple[Any, Any]]
    same_prompt: bool

    @property
    def variant(self) -> str:
        """The variant's name, or both names."""
        before, after = str(self.one.get("variant")), str(self.other.get("variant"))
        return before if before == after else f"{before} → {after}"

    @property
    def simulated(self) -> bool:
        """Whether either answer is not by the model it names."""
        return bool(self.one.get("simulated") or self.other.get("simulated"))

    @property
    def differs(self) -> bool:
        """Whether there is something to look at."""
        return self.kind not in (Kind.IDENTICAL, Kind.FAILED) or self.finish_reasons is not None


def compared(one: Record, other: Record) -> Item:
    """The two records of one item held against each other."""
    kind = _kind(one, other)
    reasons = (_reason(one), _reason(other))
    return Item(
        one=one,
        other=other,
        kind=kind,
        finish_reasons=reasons if reasons[0] != reasons[1] else None,
        difference=short_difference(_text(one), _text(other)) if kind is Kind.DIFFERENT else "",
        marks=_changed_marks(one, other),
        same_prompt=all(one.get(name) == other.get(name) for name in _ASKED),
    )


def _kind(one: Record, other: Record) -> Kind:
    has_one, has_other = (record["error"] is None for record in (one, other))
    if has_one and has_other:
        return Kind.IDENTICAL if _text(one) == _text(other) else Kind.DIFFERENT
    if has_one:
        return Kind.ANSWERED_IN_ONE
    return Kind.ANSWERED_IN_OTHER if has_other else Kind.FAILED


def _changed_marks(one: Record, other: Record) -> dict[str, tuple[Any, Any]]:
    before, after = marks_of(one), marks_of(other)
    if before is None or after is None:
        return {}
    pairs = {name: (value, getattr(after, name)) for name, value in before.to_dict().items() if name not in _NO_MARK}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _text(record: Record) -> str:
    return record.get("full_response") or ""


def _reason(record: Record) -> str | None:
    return None if record["error"] is not None else record.get("finish_reason") or "other"
