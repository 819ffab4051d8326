"""An estimate as a table for a terminal, with what has to be said below it, and as JSON. Estimates nothing itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from harness.estimate import is_unpriced
from harness.money import dollars
from harness.reuse import left_out_clause
from harness.terminal import visible
from harness.wording import number, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.estimate import DryRun, VariantEstimate

_GAP = 2
_NARROWEST_NAME = 16
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class _Column:
    """`rank` says which column goes first where there is too little room, the highest; 0 always stays."""

    header: str
    rank: int
    cell: Callable[[VariantEstimate], str]
    is_cost: bool = False


_EXPECTED_OUTPUT = _Column("tok out", 3, lambda row: _at_most(row, number(row.expected_output_tokens)))
_EXPECTED_COST = _Column("expected", 2, lambda row: _at_most(row, _cost(row, row.expected_cost_usd)), is_cost=True)
_COLUMNS = (
    _Column("requests", 0, lambda row: str(row.requests)),
    _Column("tok in", 4, lambda row: number(row.input_tokens)),
    _EXPECTED_OUTPUT,
    _Column("max out", 5, lambda row: number(row.max_output_tokens)),
    _EXPECTED_COST,
    _Column("at most", 0, lambda row: _cost(row, row.max_cost_usd), is_cost=True),
    _Column("time", 1, lambda row: "-" if row.seconds is None else time_span(row.seconds)),
)


def table(dry_run: DryRun, width: int) -> Table:
    """The table; never wider than `width` unless the columns that always stay are.

    What is expected has columns of its own where answers of any variant tell it.
    """
    rows = [*dry_run.variants, dry_run.total]
    tells = any(row.from_answers and row.requests for row in dry_run.variants)
    columns = [column for column in _COLUMNS if tells or column not in {_EXPECTED_OUTPUT, _EXPECTED_COST}]
    cells = {column: [column.cell(row) for row in dry_run.variants] for column in columns}
    for column in columns:
        cells[column].append(_total_cell(column, dry_run))
    names = [visible(row.variant) for row in rows]
    shown, name_cells = _fitting(columns, cells, max(map(cell_len, names)), width)
    left_out = [column.header for column in columns if column not in shown]
    made = Table(
        caption=f"Too narrow for {', '.join(left_out)}; --json has everything." if left_out else None,
        box=None,
        padding=(0, _GAP, 0, 0),
        pad_edge=False,
        caption_justify="left",
        header_style="dim",
    )
    made.add_column("variant", no_wrap=True)
    for column in shown:
        made.add_column(column.header, justify="right", no_wrap=True)
    for index, name in enumerate(names):
        line = [Text(cells[column][index]) for column in shown]
        made.add_row(Text(shortened(name, name_cells)), *line, style="bold" if rows[index] is dry_run.total else None)
    return made


def notes(dry_run: DryRun) -> list[str]:
    """What the numbers rest on and what they leave out, a sentence or two each."""
    said = ["Input tokens are estimated from the length of the texts. Nothing was sent."]
    said += [
        f"{counts.taken} of the {counts.held} answers in {visible(folder)} will be taken, and no figure counts them"
        f"{left_out_clause(counts.left_out)}."
        for folder, counts in dry_run.reused.items()
    ]
    if dry_run.total.seconds is not None:
        said.append("Times are what the caps per minute imply: slow answers and retries come on top.")
    if dry_run.unpriced:
        names = ", ".join(visible(name) for name in dry_run.unpriced)
        said.append(
            f"No price is known for {names}. Give the model one in USD per million tokens, "
            "`price: {input: 3.0, output: 15.0}`, or `price: 0`."
        )
    if dry_run.limit_usd is not None:
        said.append(_about_the_limit(dry_run, dry_run.limit_usd - dry_run.spent_usd))
    return said


def to_json(dry_run: DryRun) -> dict[str, Any]:
    """Everything, for programs; costs in USD, times in seconds, null where nobody knows."""
    return {
        "variants": [asdict(row) for row in dry_run.variants],
        "total": asdict(dry_run.total),
        "unpriced": list(dry_run.unpriced),
        "max_cost_usd": dry_run.limit_usd,
        "spent_usd": dry_run.spent_usd,
        "reused": [
            {"folder": folder, "taken": counts.taken, "left_out": dict(counts.left_out)}
            for folder, counts in dry_run.reused.items()
        ],
    }


def time_span(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 10 min`, `3 d 4 h`: as exact as an estimate deserves."""
    if round(seconds) < _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min"
    if minutes * _MINUTE < _DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / _HOUR)
    return f"{hours // 24} d {hours % 24} h"


def _fitting(
    columns: Sequence[_Column], cells: dict[_Column, list[str]], longest_name: int, width: int
) -> tuple[list[_Column], int]:
    """The columns that there is room for, in their order, and the cells that are left for names."""
    shown, spare = set(), width - min(longest_name, _NARROWEST_NAME)
    for column in sorted(columns, key=lambda column: column.rank):
        needed = max(len(column.header), *map(cell_len, cells[column])) + _GAP
        if column.rank and needed > spare:
            break
        shown.add(column)
        spare -= needed
    return [column for column in columns if column in shown], min(longest_name, _NARROWEST_NAME + max(0, spare))


def _at_most(row: VariantEstimate, text: str) -> str:
    """`text` marked as the most, where no answers tell what to expect."""
    return text if row.from_answers or text in {"-", "?", "0"} else f"≤ {text}"


def _cost(row: VariantEstimate, usd: float | None) -> str:
    if usd is None:
        return "?" if is_unpriced(row) else "-"
    return dollars(usd)


def _total_cell(column: _Column, dry_run: DryRun) -> str:
    """As a row's, and where the sum leaves something out, that it does."""
    text = column.cell(dry_run.total)
    return f"{text} + ?" if column.is_cost and dry_run.unpriced and text != "?" else text


def _about_the_limit(dry_run: DryRun, left_usd: float) -> str:
    total = dry_run.total
    left = f"{dollars(max(0.0, left_usd))} of the budget of {dollars(dry_run.limit_usd or 0.0)} is left"
    if (total.max_cost_usd or 0.0) <= left_usd:
        return f"{left}, which is enough."
    if not total.from_answers:
        return f"{left}: the run may stop before its end, if answers are long. A higher --max-cost lets it finish."
    if (total.expected_cost_usd or 0.0) <= left_usd:
        return f"{left}, which is expected to be enough; long answers could use it up before the end."
    return f"{left}: the run would stop before its end. A higher --max-cost lets it finish."
