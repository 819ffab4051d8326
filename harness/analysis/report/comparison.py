"""Variants beside each other, by category and by kind of prompt: shares and means, each with what it is of.

Knows no text and no page. Simulated answers are counted, and enter no share and no mean.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.snapshot import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.records import Record

PROBES = {None: "unknown", False: "real", True: "synthetic"}
"""What `is_synthetic_probe` says of a prompt."""
ALL = "all"
_COUNTS = ("answers", Outcome.REFUSED, Outcome.TRUNCATED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Measured:
    """One record and what was measured of it.

    Args:
        uncertainty: by name of the measure; undefined ones are None.
        marks: heuristic ones, by name; None where one says nothing.
    """

    record: Record
    uncertainty: Mapping[str, float | None]
    marks: Mapping[str, float | None]


@dataclass(slots=True)
class _Cell:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    simulated: int = 0
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, measured: Measured) -> None:
        record = measured.record
        if record["error"] is not None:
            self.counts[Outcome.FAILED] += 1
            return
        self.counts["answers"] += 1
        outcome = outcome_of(record.get("finish_reason") or "other")
        if outcome in self.counts:
            self.counts[outcome] += 1
        if record.get("simulated"):
            self.simulated += 1
            return
        for name, value in _values(measured, outcome):
            self.values[name].append(value)

    def facts(self) -> dict[str, Any]:
        means = {name: [math.fsum(values) / len(values), len(values)] for name, values in self.values.items()}
        return {"counts": self.counts, "simulated": self.simulated, "means": means}


def comparison(measured: Iterable[Measured]) -> list[dict[str, Any]]:
    """One entry for each variant, category and kind of prompt that occur, and for all of either.

    Returns:
        `variant`; `category`, None for records without one, `ALL` in `scope` where it is of all; `probe`, a value of
        `PROBES` or `ALL`; `counts` of items; `simulated`, how many of the answers are; `means`: `[mean, of how many]`
        by `share_refused`, `share_truncated`, `output_tokens`, `seconds`, and the names of the measures of
        uncertainty and of the marks.
    """
    cells: dict[tuple[str, tuple[str | None, ...], str], _Cell] = defaultdict(_Cell)
    for one in measured:
        variant = str(one.record.get("variant"))
        category = one.record.get("prompt_category")
        probe = PROBES[one.record.get("is_synthetic_probe")]
        everything: tuple[str | None, ...] = ()
        for of_category in (everything, (category,)):
            for of_probe in (ALL, probe):
                cells[variant, of_category, of_probe].add(one)
    return [
        {
            "variant": variant,
            "scope": "category" if of_category else ALL,
            "category": of_category[0] if of_category else None,
            "probe": probe,
            **cell.facts(),
        }
        for (variant, of_category, probe), cell in cells.items()
    ]


def _values(measured: Measured, outcome: Outcome) -> Iterator[tuple[str, float]]:
    record = measured.record
    yield "share_refused", float(outcome is Outcome.REFUSED)
    yield "share_truncated", float(outcome is Outcome.TRUNCATED)
    given = (record.get("tokens_used") or {}).get("output")
    known = {"output_tokens": given, "seconds": record.get("elapsed_seconds"), **measured.uncertainty, **measured.marks}
    for name, value in known.items():
        if value is not None and math.isfinite(value):
            yield name, float(value)
