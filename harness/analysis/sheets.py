"""A table of texts, for a terminal or for LaTeX. Knows no number and no label.

On a terminal too narrow for it, names are cut in the middle and the columns that matter least are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.analysis.libraries import library
from harness.terminal import visible
from harness.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2
_NARROWEST_NAME = 12
_ARGUMENT = re.compile(r"^(?=[\[*])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """Text by row. `rank` says which column goes first where there is too little room, the highest; 0 always stays."""

    header: str
    cells: Sequence[str]
    rank: int = 0

    @property
    def width(self) -> int:
        """Terminal cells that it needs."""
        return max(cell_len(text) for text in (self.header, *self.cells))

    @property
    def visible(self) -> Column:
        """The same, safe to show."""
        return Column(visible(self.header), [visible(text) for text in self.cells], self.rank)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table before it is shown.

    Args:
        names: columns at the left, shortened as needed.
        columns: the others, at the right and never cut.
        remarks: sentences that belong below it.
    """

    title: str
    names: Sequence[Column]
    columns: Sequence[Column]
    remarks: Sequence[str] = ()

    def shown(self, width: int) -> Group:
        """For a terminal: at most `width` cells wide, unless the columns that always stay are wider than that."""
        names = [column.visible for column in self.names]
        columns = [column.visible for column in self.columns]
        kept, spare = [], width - sum(min(column.width, _NARROWEST_NAME) + _GAP for column in names)
        for column in sorted(columns, key=lambda column: column.rank):
            if column.rank and column.width + _GAP > spare:
                break
            kept.append(column)
            spare -= column.width + _GAP
        made = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
        texts = []
        for column in names:
            room = min(column.width, _NARROWEST_NAME + max(0, spare))
            spare -= max(0, room - _NARROWEST_NAME)
            made.add_column(Text(shortened(column.header, room)), no_wrap=True)
            texts.append([shortened(text, room) for text in column.cells])
        for column in columns:
            if column in kept:
                made.add_column(Text(column.header), justify="right", no_wrap=True)
                texts.append(list(column.cells))
        for row in zip(*texts, strict=True):
            made.add_row(*map(Text, row))
        left_out = [column.header for column in columns if column not in kept]
        told = [visible(remark) for remark in self.remarks]
        told += [f"Too narrow for {', '.join(left_out)}; --json has everything."] if left_out else []
        return Group(Text(visible(self.title), style="bold"), made, *(Text(line, style="italic") for line in told))

    def latex(self) -> str:
        """A tabular with the rules of booktabs, all text escaped; title and remarks are comments.

        Raises:
            UsageError: pandas or jinja2 is not installed.
        """
        library("jinja2")
        columns = [column.visible for column in (*self.names, *self.columns)]
        rows = list(zip(*(column.cells for column in columns), strict=True))
        frame = library("pandas").DataFrame(rows, columns=[column.header for column in columns])
        form = "l" * len(self.names) + "r" * len(self.columns)
        comments = "".join(f"% {visible(line)}\n" for line in (self.title, *self.remarks))
        # At the start of a row [ and * would be taken for arguments of the \\ before it.
        return comments + _ARGUMENT.sub("{}", frame.to_latex(index=False, escape=True, column_format=form))
