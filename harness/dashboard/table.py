"""Lays out one row per variant in a given width, leaving out what matters least. Knows no screen and never wraps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from harness.dashboard.phrases import state_of
from harness.money import dollars
from harness.snapshot import LaneState
from harness.terminal import visible
from harness.wording import duration, number, padded, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from harness.dashboard.lines import Part
    from harness.snapshot import Counts, VariantSnapshot

_NAME = "variant"
_GAP = 2
_NARROWEST_NAME = 16
_NARROWEST_STATE = 8
_WIDE_STATE = len("paused until Tue 09:00")


@dataclass(frozen=True, slots=True)
class _Column:
    """`rank` says which column goes first where there is too little room, the highest; 0 always stays."""

    header: str
    cells: int
    rank: int
    cell: Callable[[VariantSnapshot], Part]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there are and how wide the elastic ones are, in cells; `bar` is 0 where there is no room for it."""

    name: int
    bar: int
    columns: tuple[_Column, ...]
    state: int

    @classmethod
    def fitting(cls, variants: Sequence[VariantSnapshot], width: int) -> Layout:
        """The fullest layout for `variants` in `width`. It depends on names, totals and caps: it seldom changes."""
        columns = _columns(variants)
        longest_name = max([len(_NAME), *(cell_len(label(v, variants)) for v in variants)])
        cells = {"name": min(longest_name, _NARROWEST_NAME), "bar": 0, "state": _NARROWEST_STATE}
        spare, shown = width - sum(cells.values()) - _GAP, []
        for column in sorted(columns, key=lambda column: column.rank):
            if column.rank and column.cells + _GAP > spare:
                break
            shown.append(column)
            spare -= column.cells + _GAP
        if _BAR in shown:
            cells["bar"] = _BAR.cells
            shown.remove(_BAR)
        wishes = [("name", 32), ("bar", 16), ("state", _WIDE_STATE), ("name", longest_name), ("bar", 24)]
        for what, most in wishes:
            if cells[what] and spare > 0:
                extra = max(0, min(spare, min(most, longest_name if what == "name" else most) - cells[what]))
                cells[what] += extra
                spare -= extra
        return cls(cells["name"], cells["bar"], tuple(sorted(shown, key=columns.index)), cells["state"])

    def header(self) -> list[Part]:
        """The line above the rows."""
        cells = [padded(_NAME, self.name, right=False)]
        cells += [" " * self.bar] if self.bar else []
        cells += [padded(column.header, column.cells, right=True) for column in self.columns]
        return [((" " * _GAP).join([*cells, "ETA"]), "dim")]

    def row(
        self, variant: VariantSnapshot, variants: Sequence[VariantSnapshot], at: datetime, *, final: bool
    ) -> list[Part]:
        """The line of `variant` in a frame of `at`; `final`: the run is over, nothing goes on any more."""
        gap = (" " * _GAP, "")
        name = padded(shortened(label(variant, variants), self.name), self.name, right=False)
        parts: list[Part] = [(name, "bold" if variant.counts.in_flight else ""), gap]
        if self.bar:
            parts += [*_bar(variant.counts, self.bar), gap]
        for column in self.columns:
            text, style = column.cell(variant)
            parts += [(padded(text, column.cells, right=True), style), gap]
        text, style = _state(variant, self.state, at, final=final)
        return [*parts, (shortened(text, self.state), style)]


def label(variant: VariantSnapshot, variants: Sequence[VariantSnapshot]) -> str:
    """The variant's name, marked in front where it is simulated and others are not: its end tells the temperature."""
    is_mixed = variant.simulated and not all(v.simulated for v in variants)
    return ("(sim) " if is_mixed else "") + visible(variant.name)


def _columns(variants: Sequence[VariantSnapshot]) -> list[_Column]:
    total = max((len(str(max(v.counts.total, v.counts.done))) for v in variants), default=1)
    cap = max((len(number(v.cap_rpm)) for v in variants if v.cap_rpm is not None), default=0)
    return [
        _BAR,
        _Column("done", max(4, 2 * total + 1), 0, lambda v: (f"{v.counts.done}/{v.counts.total}", "")),
        _Column("ok", max(2, total), 1, lambda v: _count(v.counts.finished - v.counts.failed, "green")),
        _Column("failed", max(6, total), 0, lambda v: _count(v.counts.failed, "red")),
        _Column("refused", max(7, total), 5, lambda v: _count(v.counts.refused, "yellow")),
        _Column("cut off", max(7, total), 6, lambda v: _count(v.counts.truncated, "yellow")),
        _Column("flight", 6, 0, _in_flight),
        _Column("req/min", max(7, 5 + cap), 0, _rate),
        _Column("tok/s", 5, 3, lambda v: (number(v.tokens_per_second), "")),
        _Column("p50/p95 s", 9, 2, _latency),
        *([_Column("cost", 9, 7, _cost)] if any(v.provider != "local" for v in variants) else []),
    ]


_BAR = _Column("", 8, 4, lambda _: ("", ""))
"""Stands for the bar where columns compete for room; it is drawn in its own way."""


def _count(count: int, style: str) -> Part:
    return str(count), style if count else "dim"


def _in_flight(variant: VariantSnapshot) -> Part:
    in_flight = variant.counts.in_flight
    return ("-", "dim") if in_flight is None else _count(in_flight, "cyan")


def _rate(variant: VariantSnapshot) -> Part:
    rate = number(variant.requests_per_minute)
    return (rate if variant.cap_rpm is None else f"{rate}/{number(variant.cap_rpm)}"), ""


def _latency(variant: VariantSnapshot) -> Part:
    if variant.p50_s is None or variant.p95_s is None:
        return "-", "dim"
    return f"{number(variant.p50_s)}/{number(variant.p95_s)}", ""


def _cost(variant: VariantSnapshot) -> Part:
    return ("-", "dim") if variant.cost_usd is None else (dollars(variant.cost_usd), "")


def _bar(counts: Counts, cells: int) -> list[Part]:
    """As much of it filled as is done, coloured by outcome: a rare one still gets a cell."""
    shares = [
        (counts.failed, "red"),
        (counts.refused + counts.truncated, "yellow"),
        (counts.ok, "green"),
        (counts.resumed, "blue"),
    ]
    total = max(counts.total, counts.done, 1)
    filled = cells if counts.remaining == 0 else min(cells - 1, cells * counts.done // total)
    parts: list[Part] = []
    left = filled
    for count, style in shares:
        length = min(left, max(1, cells * count // total)) if count else 0
        parts.append(("━" * length, style))
        left -= length
    # What rounding down left over belongs to the largest share.
    largest = max(range(len(shares)), key=lambda index: shares[index][0])
    parts[largest] = (parts[largest][0] + "━" * left, parts[largest][1])
    return [*reversed(parts), ("─" * (cells - filled), "dim")]


def _state(variant: VariantSnapshot, cells: int, at: datetime, *, final: bool) -> Part:
    state = variant.state
    if final and state not in {LaneState.DONE, LaneState.PARKED}:
        return "stopped", "yellow"
    if state is LaneState.RUNNING and variant.eta_s is not None:
        return duration(variant.eta_s), ""
    told, style = state_of(variant, at)
    return told if cell_len(told) <= cells else state.value, style
