"""When a replica that died is replaced, and when no more. Knows no Ray and no replica."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IN_A_ROW = 3
MOST = 5
WITHIN_S = 600.0


class Deaths:
    """Counts the deaths of the replicas in one place of a group.

    A place is given up after three deaths in a row without an answer between them, and after five within ten minutes:
    what kills a replica as soon as it works does so again, and every replacement loads its weights anew. Over a long
    night nodes may come and go as they like.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=MOST)
        self._in_a_row = 0

    def may_be_replaced(self, *, answered: bool) -> bool:
        """A replica died just now, having `answered` or not: whether another one is to take its place."""
        now = self._clock()
        self._times.append(now)
        self._in_a_row = 1 if answered else self._in_a_row + 1
        often = len(self._times) == MOST and now - self._times[0] <= WITHIN_S
        return self._in_a_row < IN_A_ROW and not often
