"""Agreement, rates and differences of a folder in the form that was asked for. Counts nothing, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.agreement.table import agreement_sheets
from harness.analysis.export.cells import cell, csv_chunks
from harness.analysis.rates.tables import difference_sheets, rate_sheets
from harness.json_text import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from harness.analysis.agreement.measured import Agreement
    from harness.analysis.rates import Differences, Rates
    from harness.analysis.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the labels of a folder tell.

    Args:
        notes: sentences for people.
    """

    folder: Path
    agreement: Agreement
    rates: Rates
    differences: Differences
    notes: tuple[str, ...]

    def sheets(self) -> list[Sheet]:
        """Tables for people: agreement, then rates, then differences."""
        return [*agreement_sheets(self.agreement), *rate_sheets(self.rates), *difference_sheets(self.differences)]

    def json(self) -> str:
        """One object: `folder`, `coders`, `notes`, `agreement`, `confusions`, `rates`, `differences`; rows in the last
        four.
        """
        told = {
            "folder": str(self.folder),
            "coders": self.agreement.coders,
            "notes": self.notes,
            "agreement": self.agreement.rows(),
            "confusions": self._confusions(),
            "rates": self.rates.rows(),
            "differences": self.differences.rows(),
        }
        return to_json(told, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()

    def csv(self) -> str:
        """One tidy table; `table` says whether a row is `agreement`, `confusion`, `rate` or `difference`.

        No text in it is a formula to a spreadsheet; numbers are left as they are.
        """
        parts = {
            "agreement": self.agreement.rows(),
            "confusion": self._confusions(),
            "rate": self.rates.rows(),
            "difference": self.differences.rows(),
        }
        rows = [{"table": name} | row for name, part in parts.items() for row in part]
        header = list(dict.fromkeys(key for row in rows for key in row))
        text = b"".join(csv_chunks(header, [[cell(row.get(key)) for key in header] for row in rows])).decode()
        # Who reads from a pipe would take the mark for a part of the first name.
        return text.removeprefix("\ufeff")

    def latex(self) -> str:
        r"""Tabulars for a paper that says \usepackage{booktabs}.

        Raises:
            UsageError: pandas or jinja2 is not installed.
        """
        return "% \\usepackage{booktabs}\n" + "\n".join(sheet.latex() for sheet in self.sheets())

    def _confusions(self) -> list[dict[str, Any]]:
        return [row for table in self.agreement.confusions for row in table.rows()]
