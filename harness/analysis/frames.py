"""A run's records for a notebook: one by one, or as a table of pandas or polars with a column for each nested field.

Knows the folder and its records; knows no statistic.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.export.flat import flat
from harness.analysis.libraries import library
from harness.analysis.records import iterate
from harness.errors import UsageError
from harness.journal import RESULTS_NAME

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl

    from harness.analysis.records import Record

LONG = ("token_logprobs", "output_token_ids")
"""Lists as long as the answer: in a frame only where they are asked for."""


@dataclass(frozen=True, slots=True)
class ResultsReader:
    """What a run's folder holds, read anew by each iteration; memory holds digests only."""

    folder: Path

    def __iter__(self) -> Iterator[Record]:
        """One record per item (the first success, else the last failure), in the journal's order.

        Raises:
            UsageError: there are no results, or they are of another version.
            JournalCorruptError: a line is no record.
        """
        return iterate(self.folder)

    def to_pandas(self, *, answers_only: bool = False, logprobs: bool = False) -> pd.DataFrame:
        """A row per item, nested fields as columns of their own: `tokens_used.input`, `sampling_params.temperature`.

        Lists stay lists; whole numbers and truth values stay what they are where some are missing (`Int64`,
        `boolean`).

        Args:
            answers_only: leave out items that have failures only; the rows are then those of the README's filter, and
                the columns those of all items.
            logprobs: with `token_logprobs` and `output_token_ids`, which take more room than all the rest.

        Raises:
            UsageError: pandas is not installed; and as iterating.
        """
        pandas = library("pandas")
        columns = self._columns(answers_only=answers_only, logprobs=logprobs)
        series = {name: pandas.Series(values, dtype=_pandas_type(values)) for name, values in columns.items()}
        return pandas.DataFrame(series)

    def to_polars(self, *, answers_only: bool = False, logprobs: bool = False) -> pl.DataFrame:
        """As `to_pandas`; a field whose values are of several types is JSON text here.

        Raises:
            UsageError: polars is not installed; and as iterating.
        """
        try:
            polars = library("polars")
        except UsageError as error:
            raise UsageError("This needs polars, which is not installed. Run: pip install polars") from error
        columns = self._columns(answers_only=answers_only, logprobs=logprobs)
        return polars.DataFrame([_polars_series(polars, name, values) for name, values in columns.items()])  # type: ignore[no-any-return]

    def _columns(self, *, answers_only: bool, logprobs: bool) -> dict[str, list[Any]]:
        """Values by column, shape (items,) each; columns in the order of the record's fields."""
        left_out = () if logprobs else LONG
        rows: list[dict[str, Any]] = []
        names: dict[str, None] = {}
        for record in self:
            row = _row({name: value for name, value in record.items() if name not in left_out})
            names |= dict.fromkeys(row)
            if record["error"] is None or not answers_only:
                rows.append(row)
        fields = list(dict.fromkeys(name.partition(".")[0] for name in names))
        ordered = sorted(names, key=lambda name: fields.index(name.partition(".")[0]))
        columns = {name: [row.get(name) for row in rows] for name in ordered}
        parents = {name.rpartition(".")[0] for name in names}
        # `runtime` is null in one record and has parts in another: the parts tell it all.
        return {
            name: values
            for name, values in columns.items()
            if name not in parents or any(value is not None for value in values)
        }


def read_results(folder: str | os.PathLike[str]) -> ResultsReader:
    """The records of a run, lazily, or as a frame by `to_pandas()` and `to_polars()`.

    Args:
        folder: that a run wrote, or the results.jsonl in it.

    Raises:
        UsageError: `folder` is another file.
    """
    path = Path(folder).expanduser()
    if path.is_file():
        if path.name != RESULTS_NAME:
            raise UsageError(f"{path} is no folder of a run. Give the folder, or the {RESULTS_NAME} in it.")
        path = path.parent
    return ResultsReader(path)


def _row(record: Record) -> dict[str, Any]:
    """`record` flattened; its objects that are empty or null, which have no part, under their own names."""
    flattened = flat(record)
    return flattened | {name: value for name, value in record.items() if value is None or value == {}}


def _pandas_type(values: list[Any]) -> str | None:
    """A type that holds missing values beside whole numbers or truth values; None: pandas finds the right one."""
    types = {type(value) for value in values}
    if types <= {int, type(None)} and not all(value is None or -(2**63) <= value < 2**63 for value in values):
        return "object"
    if types == {int, type(None)}:
        return "Int64"
    if types == {bool, type(None)}:
        return "boolean"
    return "object" if types == {type(None)} else None


def _polars_series(polars: Any, name: str, values: list[Any]) -> Any:
    try:
        # From rows, since a series by itself takes the fields of a list's objects from the first of them.
        return polars.from_dicts([{name: value} for value in values], infer_schema_length=None)[name]
    except (TypeError, polars.exceptions.PolarsError):
        return polars.Series(name, [None if value is None else orjson.dumps(value).decode() for value in values])
