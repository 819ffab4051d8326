"""Results as functions of the library are given them: loaded, read lazily, or records by themselves. Counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from harness.analysis.assignment import training_items
from harness.analysis.frames import ResultsReader
from harness.analysis.records import Results

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.analysis.records import Record

    Source: TypeAlias = Results | ResultsReader | Iterable[Record]
    """Records, one per item."""


def records_of(results: Source) -> Iterable[Record]:
    """One record per item.

    Raises:
        UsageError, JournalCorruptError: as reading them, where they are read only now.
    """
    return results.records if isinstance(results, Results) else results


def training_of(results: Source, training: Collection[str] | None) -> frozenset[str]:
    """The item ids that coders practised on: `training`, else what the folder says, none where there is no folder.

    Raises:
        UsageError: annotate.json is not what `annotate` wrote.
    """
    if training is not None:
        return frozenset(training)
    return training_items(results.folder) if isinstance(results, Results | ResultsReader) else frozenset()
