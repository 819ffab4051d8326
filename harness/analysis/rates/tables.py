"""Rates and differences as tables for people. Counts nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.analysis.rates.outcomes import Outcome
from harness.analysis.sheets import Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.rates.differences import Difference, Differences
    from harness.analysis.rates.rates import Rate, RateGroup, Rates

_HEADERS = {"prompt_category": "category", "is_synthetic_probe": "kind of prompt"}
# What a study asks for stays longest where there is too little room.
_RANKS = {
    Outcome.HALLUCINATED: 0,
    Outcome.CORRECT: 1,
    Outcome.ABSTAINED: 2,
    Outcome.REFUSED: 3,
    Outcome.TRUNCATED: 4,
}
_SMALLEST_SHOWN = 0.001


def rate_sheets(rates: Rates) -> list[Sheet]:
    """One for all, then one for each choice of fields; groups without a labelled real answer are left out, and said."""
    families: dict[tuple[str, ...], list[RateGroup]] = {}
    for group in rates.groups:
        families.setdefault(tuple(group.names), []).append(group)
    return [
        _rate_sheet(fields, [group for group in groups if group.labelled], len(groups))
        for fields, groups in families.items()
        if any(group.labelled for group in groups)
    ]


def difference_sheets(differences: Differences) -> list[Sheet]:
    """One for each outcome in which any two variants differ on any prompt."""
    families: dict[Outcome, list[Difference]] = {}
    for one in differences.pairs:
        families.setdefault(one.outcome, []).append(one)
    return [
        _difference_sheet(outcome, pairs)
        for outcome, pairs in families.items()
        if any(one.only_a or one.only_b for one in pairs)
    ]


def reason_lines(reasons: Iterable[str | None]) -> list[str]:
    """Why numbers are missing, and how many for each reason."""
    counted = Counter(reason for reason in reasons if reason is not None)
    return [f"{count} x {reason}" for reason, count in counted.items()]


def _rate_sheet(fields: Sequence[str], groups: Sequence[RateGroup], in_all: int) -> Sheet:
    def of(outcome: Outcome) -> Sequence[Rate]:
        return [rate for group in groups for rate in group.rates if rate.outcome is outcome]

    title = "Outcomes of real answers, count and rate with 95 % interval"
    names = [Column(_HEADERS.get(name, name), [group.names[name] for group in groups]) for name in fields] or [
        Column("answers", ["all"])
    ]
    remarks = [f"{in_all - len(groups)} groups without a labelled real answer are left out."]
    return Sheet(
        f"{title}, by {' and '.join(_HEADERS.get(name, name) for name in fields)}" if fields else title,
        names,
        [
            Column("settled", [str(group.resolved) for group in groups]),
            *(Column(outcome.value, list(map(_rate_cell, of(outcome))), _RANKS[outcome]) for outcome in Outcome),
            Column("unresolved", [str(group.unresolved) for group in groups], 5),
            Column("unlabelled", [str(group.unlabelled) for group in groups], 6),
        ],
        remarks if in_all > len(groups) else (),
    )


def _difference_sheet(outcome: Outcome, pairs: Sequence[Difference]) -> Sheet:
    return Sheet(
        f"{outcome.value}: a less b in percentage points, paired by prompt; McNemar's exact p, Holm over all pairs",
        [Column("a", [one.variant_a for one in pairs]), Column("b", [one.variant_b for one in pairs])],
        [
            Column("pairs", [str(one.pairs) for one in pairs], 2),
            Column("only a", [str(one.only_a) for one in pairs], 1),
            Column("only b", [str(one.only_b) for one in pairs], 1),
            Column("a - b", [_difference_cell(one) for one in pairs]),
            Column("p", [_p_cell(one.p) for one in pairs], 3),
            Column("p Holm", [_p_cell(one.p_holm) for one in pairs]),
        ],
        reason_lines(one.reason for one in pairs),
    )


def _rate_cell(rate: Rate) -> str:
    if rate.rate is None:
        return "-"
    interval = "[-]" if rate.low is None or rate.high is None else f"[{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
    return f"{rate.count}  {100 * rate.rate:.1f}% {interval}"


def _difference_cell(one: Difference) -> str:
    if one.difference is None:
        return "-"
    interval = "[-]" if one.low is None or one.high is None else f"[{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
    return f"{100 * one.difference:+.1f} {interval}"


def _p_cell(p: float | None) -> str:
    if p is None:
        return "-"
    return f"<{_SMALLEST_SHOWN}" if p < _SMALLEST_SHOWN else f"{p:.3f}"
