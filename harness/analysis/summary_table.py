"""A summary as a table for a terminal, leaving out what matters least where it is narrow. Counts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from harness.terminal import visible
from harness.wording import number, shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.analysis.summary import Summary, VariantSummary

_GAP = 2
_NARROWEST_NAME = 16


@dataclass(frozen=True, slots=True)
class _Column:
    """`rank` says which column goes first where there is too little room, the highest; 0 always stays."""

    header: str
    rank: int
    cell: Callable[[VariantSummary], str]


_REUSED = _Column("reused", 1, lambda v: str(v.reused))
"""Where anything was."""
_COLUMNS = (
    _Column("done", 0, lambda v: str(v.done)),
    _REUSED,
    _Column("failed", 0, lambda v: str(v.failed)),
    _Column("refused", 0, lambda v: str(v.refused)),
    _Column("cut off", 0, lambda v: str(v.truncated)),
    _Column("tok in", 2, lambda v: number(v.input_tokens)),
    _Column("tok out", 2, lambda v: number(v.output_tokens)),
    _Column("tok all", 6, lambda v: number(v.total_tokens)),
    _Column("mean s", 1, lambda v: "-" if v.mean_seconds is None else number(v.mean_seconds)),
    _Column("p95 s", 1, lambda v: "-" if v.p95_seconds is None else number(v.p95_seconds)),
    _Column("retries", 4, lambda v: str(v.retries)),
    _Column("probes", 5, lambda v: "-" if v.probe_share is None else f"{v.probe_share:.0%}"),
    _Column("cost", 3, lambda v: "-" if v.cost_usd is None else f"${v.cost_usd:.2f}"),
)


def table(summary: Summary, width: int) -> Table:
    """The table; never wider than `width` unless the columns that always stay are."""
    rows = [*summary.variants, summary.total]
    names = [_name(row, summary) for row in rows]
    longest = max(cell_len(name) for name in names)
    columns = [column for column in _COLUMNS if column is not _REUSED or summary.total.reused]
    needed = {column: max(len(column.header), *(len(column.cell(row)) for row in rows)) for column in columns}
    shown, spare = [], width - min(longest, _NARROWEST_NAME)
    for column in sorted(columns, key=lambda column: column.rank):
        if column.rank and needed[column] + _GAP > spare:
            break
        shown.append(column)
        spare -= needed[column] + _GAP
    name_cells = min(longest, _NARROWEST_NAME + max(0, spare))
    left_out = [column.header for column in columns if column not in shown]
    made = Table(
        title=_title(summary),
        caption=f"Too narrow for {', '.join(left_out)}; --json has everything." if left_out else None,
        box=None,
        padding=(0, _GAP, 0, 0),
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
        header_style="dim",
    )
    made.add_column("variant", no_wrap=True)
    for column in sorted(shown, key=_COLUMNS.index):
        made.add_column(column.header, justify="right", no_wrap=True)
    for row, name in zip(rows, names, strict=True):
        is_total = row is summary.total
        cells = [column.cell(row) for column in sorted(shown, key=_COLUMNS.index)]
        made.add_row(Text(shortened(name, name_cells)), *map(Text, cells), style="bold" if is_total else None)
    return made


def _title(summary: Summary) -> Text:
    title = Text(visible(str(summary.folder)), style="bold")
    if summary.simulated:
        title.append("  SIMULATED: not every answer is by the model that it names", style="yellow")
    return title


def _name(row: VariantSummary, summary: Summary) -> str:
    is_mixed = row.simulated and not all(variant.simulated for variant in summary.variants)
    return visible(row.variant) + (" (sim)" if is_mixed and row is not summary.total else "")
