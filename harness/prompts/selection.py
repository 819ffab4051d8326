"""Which of a file's prompts are asked, and in which order. Knows no config, model or plan.

A sample is stratified by category and probe. Seats are dealt to the strata by the method of Huntington and Hill
(Balinski and Young, Fair Representation, 1982): every stratum gets one first, and a larger sample holds the smaller
one of the same seed, so that raising N extends a run. Within a stratum, prompts are ranked by a hash of seed and id:
neither the order of the file nor a row added to it changes what the others' ranks are.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import digest16
from harness.errors import PromptFileError
from harness.prompts.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.prompts.file import PromptFile, Row
    from harness.prompts.survey import PromptSurvey
    from harness.schema import Prompt

Stratum = tuple[str | None, bool | None]

MAX_SHUFFLED_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked of a file.

    Args:
        first: only the first N rows.
        sample: only N rows, drawn. Not together with `first`.
        shuffled: those in a drawn order instead of the file's.
        seed: of both draws.
    """

    first: int | None = None
    sample: int | None = None
    shuffled: bool = False
    seed: int = 0


class Selection:
    """The chosen prompts of a file: like a file of them, re-iterable; the same choice of the same file is the same.

    Raises:
        PromptFileError: a row cannot be used, or the file is too large to be shuffled.
    """

    def __init__(self, source: PromptFile, choice: Choice) -> None:
        self._source = source
        self._choice = choice
        self._drawn = _drawn(source, choice) if choice.sample is not None else None
        self._shuffled = self._in_drawn_order() if choice.shuffled else None

    @property
    def path(self) -> Path:
        """The file, as messages name it."""
        return self._source.path

    def __iter__(self) -> Iterator[Prompt]:
        return (row.prompt for row in self.rows())

    def rows(self) -> Iterator[Row]:
        """As iterating, each prompt with its place."""
        return iter(self._shuffled) if self._shuffled is not None else self._in_order()

    def sha256(self) -> str:
        """The hash of the whole file's bytes, in hex."""
        return self._source.sha256()

    def _in_order(self) -> Iterator[Row]:
        if self._drawn is None:
            return self._source.rows(self._choice.first)
        drawn = self._drawn
        return (row for number, row in enumerate(self._source.rows()) if number in drawn)

    def _in_drawn_order(self) -> list[Row]:
        size = self.path.stat().st_size
        if size > MAX_SHUFFLED_BYTES:
            problem = (
                f"is larger than {MAX_SHUFFLED_BYTES // 2**20} MiB, and order: shuffled keeps it in memory. "
                "Shuffle the file itself and leave order out, or take part of it with --sample N."
            )
            raise PromptFileError(self.path, None, problem)
        return sorted(self._in_order(), key=lambda row: _rank("order", self._choice.seed, row))


def choose(source: PromptFile, choice: Choice) -> tuple[Selection, PromptSurvey]:
    """The chosen prompts and what they hold, everything that is chosen from read once at least.

    Raises:
        PromptFileError: a row cannot be used, two have one id, or there are no prompts.
    """
    chosen = Selection(source, choice)
    return chosen, survey(chosen)


def seats(sizes: Mapping[Stratum, int], total: int, seed: int = 0) -> dict[Stratum, int]:
    """How many of `total` each stratum gets, in proportion to its size, by the method of Huntington and Hill.

    Where there are fewer seats than strata, the largest get them. A stratum never gets more than its size. Of equals,
    `seed` draws who comes first.
    """
    # The next seat goes to the highest priority: size / √(n (n + 1)), n being the seats it has.
    drawn = {stratum: digest16("stratum", str(seed), repr(stratum)) for stratum in sizes}
    queue = [(-math.inf, -size, drawn[stratum], stratum) for stratum, size in sizes.items()]
    heapq.heapify(queue)
    dealt = dict.fromkeys(sizes, 0)
    for _ in range(min(total, sum(sizes.values()))):
        _, negative, tie, stratum = heapq.heappop(queue)
        dealt[stratum] += 1
        has = dealt[stratum]
        if has < -negative:
            heapq.heappush(queue, (negative / math.sqrt(has * (has + 1)), negative, tie, stratum))
    return dealt


def _drawn(source: PromptFile, choice: Choice) -> frozenset[int]:
    """The numbers of the drawn rows, from 0."""
    assert choice.sample is not None
    dealt = seats(survey(source).strata, choice.sample, choice.seed)
    # The lowest ranks of each stratum: a heap of the highest of them at its top.
    kept: dict[Stratum, list[tuple[bytes, int]]] = {stratum: [] for stratum in dealt}
    for number, row in enumerate(source.rows()):
        stratum = (row.prompt.category, row.prompt.is_synthetic_probe)
        item = (_inverted(_rank("sample", choice.seed, row)), number)
        heap = kept[stratum]
        if len(heap) < dealt[stratum]:
            heapq.heappush(heap, item)
        elif heap and item > heap[0]:
            heapq.heapreplace(heap, item)
    return frozenset(number for heap in kept.values() for _, number in heap)


def _rank(use: str, seed: int, row: Row) -> bytes:
    return digest16(use, str(seed), row.prompt.id)


def _inverted(rank: bytes) -> bytes:
    """What sorts the other way round: `heapq` keeps the smallest at the top."""
    return bytes(255 - byte for byte in rank)
