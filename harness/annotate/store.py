"""What was decided so far, and the way to add to it: annotations.jsonl. Knows no page, nor who may label what.

Guarantees:

- `record` returns only when the line is on disk, by the journal's own writer.
- What `said` holds is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.annotations_file import open_to_append
from harness.analysis.labels import Annotation, Annotations, read_annotations
from harness.errors import UsageError
from harness.journal import JournalWriter
from harness.journal.lock import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from harness.analysis.labels import Role, State
    from harness.annotate.study import Study
    from harness.journal.append import AppendFile


def open_annotations(
    study: Study, *, now: Callable[[], datetime] = utc_now
) -> tuple[AppendFile, Annotations, Path | None]:
    """The file, made if need be and mended; what it holds; and the file that a torn tail went to.

    Only for whoever holds `annotations_lock`.

    Raises:
        UsageError: a line in the middle is no annotation, or of an unknown item or another rubric.
        JournalWriteError: the disk refuses.
    """
    file, torn = open_to_append(study.folder, now=now)
    try:
        return file, read_annotations(study.folder, known=study.known, rubric=study.rubric), torn
    except UsageError:
        file.close()
        raise


class Store:
    """Begins at once, on the running event loop; from then on the file is its own.

    Args:
        file: as `open_annotations` gives it.
        said: what the file holds.
        rubric: the digest that labels are recorded with.
        now: the time in UTC.
    """

    def __init__(
        self, file: AppendFile, said: Annotations, rubric: str, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._writer = JournalWriter(file)
        self._acts = list(said.acts)
        self._rubric = rubric
        self._now = now

    @property
    def said(self) -> Annotations:
        """Every act, in order."""
        return Annotations(tuple(self._acts))

    async def record(
        self,
        item_id: str,
        person: str,
        role: Role,
        state: State,
        *,
        labels: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> None:
        """Add one act; returns when it is durable.

        Raises:
            JournalWriteError: the disk refused it.
        """
        act = Annotation(
            item_id, person, role, state, dict(labels or {}), self._rubric, self._now().isoformat(), seconds
        )
        await self._writer.append(act.to_line())
        self._acts.append(act)

    async def aclose(self) -> None:
        """Write what is left.

        Raises:
            JournalWriteError: some lines could not be written; the sentence names the file that holds them.
        """
        await self._writer.aclose()
