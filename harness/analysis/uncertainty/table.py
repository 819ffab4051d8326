"""A folder's uncertainty for a terminal and as plain values. Measures nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from harness.analysis.sheets import Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.uncertainty.assessed import Assessment, VariantUncertainty
    from harness.analysis.uncertainty.auroc import Auroc

_ALL = "all but simulated"
_WATERMARK = "  SIMULATED: not every answer is by the model that it names"
_REMARKS = (
    "Of raw logprobs in nats, over the positions recorded: an answer's first 50 unless the config says otherwise.",
    "-: undefined. entropy: of the top list, the rest as one bin. yes_no_margin: of answers where either is listed.",
)
_ABOUT_AUROC = (
    "AUROC: above 0.5, the less sure answers are the hallucinated ones; its 95 % interval draws prompts.",
    "yes/no: labelled answers that are hallucinated, and that are not.",
)


def sheet(assessment: Assessment) -> Sheet:
    """A row for each measure of each variant."""
    groups = [*assessment.variants, *([assessment.total] if assessment.total else [])]
    # Turned, so that each entry is one column's cells.
    names, measures, answers, means, medians, classes, aurocs, intervals = map(
        list, zip(*(row for group in groups for row in _rows(group)), strict=True)
    )
    columns = [
        Column("measure", measures),
        Column("answers", answers, 2),
        Column("mean", means),
        Column("median", medians, 3),
    ]
    remarks: tuple[str, ...] = _REMARKS
    if assessment.total is not None:
        columns += [Column("yes/no", classes, 1), Column("AUROC", aurocs), Column("95 %", intervals, 1)]
        remarks += _ABOUT_AUROC
    title = f"{assessment.folder}: uncertainty"
    title += _WATERMARK if any(group.simulated for group in assessment.variants) else ""
    return Sheet(title, [Column("variant", names)], columns, remarks)


def to_json(assessment: Assessment) -> dict[str, Any]:
    """`folder`, `seed`, `variants`, `total` (null without labels) and `notes`, as plain values."""
    return {
        "folder": str(assessment.folder),
        "seed": assessment.seed,
        "variants": [_group_json(group) for group in assessment.variants],
        "total": _group_json(assessment.total) if assessment.total else None,
        "notes": list(assessment.notes),
    }


def _rows(group: VariantUncertainty) -> Iterator[tuple[str, ...]]:
    # Before the name, because of a long one the middle is cut.
    name = _ALL if group.variant is None else f"sim {group.variant}" if group.simulated else group.variant
    if not group.measured:
        yield name, "no logprobs", f"0 of {group.answers}", *("-",) * 5
        return
    for measure, spread in group.spreads.items():
        is_total = group.variant is None
        yield (
            name,
            measure,
            f"{spread.answers} of {group.answers}",
            # Means over variants would tell which variants answered most.
            *(("-", "-") if is_total else (_number(spread.mean), _number(spread.median))),
            *_auroc_cells(group.aurocs.get(measure)),
        )
        name = ""


def _auroc_cells(found: Auroc | None) -> tuple[str, str, str]:
    if found is None:
        return "-", "-", "-"
    interval = found.interval
    return (
        f"{found.positives}/{found.negatives}",
        "-" if found.value is None else f"{found.value:.3f}",
        "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}",
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _group_json(group: VariantUncertainty) -> dict[str, Any]:
    return {
        "variant": group.variant,
        "simulated": group.simulated,
        "answers": group.answers,
        "measured": group.measured,
        "positions": group.positions,
        "logprobs_of": list(group.logprobs_of),
        "top": list(group.tops),
        "measures": {
            name: dataclasses.asdict(spread)
            | {"auroc": dataclasses.asdict(group.aurocs[name]) if name in group.aurocs else None}
            for name, spread in group.spreads.items()
        },
    }
