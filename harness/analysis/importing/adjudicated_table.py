"""An adjudicated-csv export, as rows: each coder's labels, and what was decided. Knows neither files nor delimiters.

A coder who says anything in a row labelled that item. Where the row says of any field that it was adjudicated, the
values that hold are one decision. What no model answered, and what coders practised on, is the folder's to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.export.adjudicated_csv import ADJUDICATED, HOW, HOWS, OF_THE_ITEM
from harness.analysis.export.annotation_csv import ITEM_ID
from harness.analysis.importing.rows import Read, Row
from harness.analysis.importing.table_cells import label_of
from harness.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.labels import Labels
    from harness.analysis.rubric import Rubric

_SHOWN = 40


def is_adjudicated(header: Sequence[str], rubric: Rubric) -> bool:
    """Whether a table with this header is an adjudicated-csv export."""
    return ITEM_ID in header and any(f"{field.name}{HOW}" in header for field in rubric.fields)


def read_adjudicated(
    records: Iterable[tuple[int, list[str]]], line: int, header: Sequence[str], rubric: Rubric, adjudicator: str
) -> Read:
    """The rows of the table, which name their coders themselves.

    Args:
        records: the lines below the header, each with the number of the line that it begins on.
        line: the header's.
        adjudicator: who decided, which the table does not say.
    """
    coders = _coders(header, rubric)
    if problems := _header_problems(header, coders, rubric):
        return Read(problems=tuple(f"line {line}: {problem}" for problem in problems))
    rows: list[Row] = []
    empty, found = 0, []
    for number, cells in records:
        place = f"line {number}"
        if len(cells) != len(header):
            found.append(f"{place}: it has {len(cells)} cells under a header of {len(header)}")
            continue
        row = dict(zip(header, cells, strict=True))
        item, before = row[ITEM_ID].strip(), len(rows)
        said = {name: labels for name in coders if (labels := _labels(row, rubric, f" [{name}]"))}
        rows += [Row(place, item, name, labels) for name, labels in said.items()]
        holds, hows = _labels(row, rubric, ""), _hows(row, rubric)
        if ADJUDICATED in hows.values():
            rows.append(Row(place, item, adjudicator, holds, role="adjudicator"))
        else:
            found += [f"{place}: {problem}" for problem in _undecided(holds, hows, said.values())]
        found += [
            f"{place}: {name}{HOW} is {shortened(how, _SHOWN)!r}, and must be empty or one of {', '.join(HOWS)}"
            for name, how in hows.items()
            if how and how not in HOWS
        ]
        empty += len(rows) == before
    return Read(tuple(rows), empty, tuple(found), named=True)


def _coders(header: Sequence[str], rubric: Rubric) -> list[str]:
    names = [
        column[len(start) : -1]
        for column in header
        for start in (f"{field.name} [" for field in rubric.fields)
        if column.startswith(start) and column.endswith("]")
    ]
    return list(dict.fromkeys(names))


def _header_problems(header: Sequence[str], coders: Sequence[str], rubric: Rubric) -> list[str]:
    needed = [f"{one.name}{end}" for one in rubric.fields for end in (*(f" [{name}]" for name in coders), "", HOW)]
    found = [f"the column {name} is there twice" for name in sorted({n for n in header if header.count(n) > 1})]
    found += [f"there is no column {name}; keep all that were exported" for name in needed if name not in header]
    unknown = [name for name in header if name not in {*needed, *OF_THE_ITEM}]
    return found + [f"{name!r} is no column of an adjudicated-csv export; take it out" for name in unknown]


def _labels(row: Mapping[str, str], rubric: Rubric, end: str) -> Labels:
    told = ((one.name, label_of(one, row[f"{one.name}{end}"])) for one in rubric.fields)
    return {name: value for name, value in told if value is not None}


def _hows(row: Mapping[str, str], rubric: Rubric) -> dict[str, str]:
    return {one.name: row[f"{one.name}{HOW}"].strip().casefold() for one in rubric.fields}


def _undecided(holds: Labels, hows: Mapping[str, str], said: Iterable[Labels]) -> list[str]:
    """Values that somebody put where no decision is told: they would be lost without a word."""
    by_coder = list(said)
    return [
        f"{name} has a value that nobody decided: write {ADJUDICATED} under {name}{HOW}, or empty it"
        for name, value in holds.items()
        if hows[name] == "unresolved" or all(labels.get(name) != value for labels in by_coder)
    ]
