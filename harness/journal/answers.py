"""The answers of a journal by their items, also of one that is being written. Knows `item_id` and `error` of a record.

Memory holds where each answer stands, some 26 bytes, and never the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.digests import DigestMap
from harness.errors import JournalCorruptError
from harness.journal.line import decode, outcome
from harness.journal.reader import scan

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_BUFFER = 1 << 20


class StoredAnswers:
    """The first success of every item, up to the end of the last line that was whole when this was made.

    Raises:
        JournalCorruptError: a line that is no record, other than a torn tail.
        OSError: there is no such file, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places = DigestMap()
        self._file = path.open("rb", buffering=_BUFFER)
        try:
            self._find(scan(path).end)
        except BaseException:
            self._file.close()
            raise

    def get(self, item: bytes) -> dict[str, Any] | None:
        """The record that answers the item, of 16 bytes; None where none does.

        Raises:
            JournalCorruptError: its line looked like a record at both ends and is none.
        """
        place = self._places.get(item)
        if place is None:
            return None
        self._file.seek(place)
        try:
            return decode(self._file.readline())
        except ValueError as exc:
            raise JournalCorruptError(self._path, self._number(place), str(exc)) from exc

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, end: int) -> None:
        position = 0
        for number, line in enumerate(self._file, 1):
            start, position = position, position + len(line)
            if position > end:
                return
            try:
                item, is_answer = outcome(line)
            except ValueError as exc:
                raise JournalCorruptError(self._path, number, str(exc)) from exc
            if is_answer:
                self._places.add(item, start)

    def _number(self, place: int) -> int:
        """The number, from 1, of the line that begins at byte `place`."""
        self._file.seek(0)
        return 1 + sum(self._file.read(min(_BUFFER, place - at)).count(b"\n") for at in range(0, place, _BUFFER))
