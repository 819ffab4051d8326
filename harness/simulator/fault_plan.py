"""Which fault each request gets, by script or by chance; knows nothing about what a fault is like."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.simulator.answers import Question
    from harness.simulator.fault_script import ScriptEntry
    from harness.simulator.faults import Fault


class FaultPlan:
    """Gives every attempt at an item its fault, whatever the order in which the attempts of different items come.

    A script decides over the requests that it matches. The others are drawn: the seed, the item and the number of the
    attempt say what comes, so that the same run meets the same faults again.

    Args:
        shares: faults with the share of the requests that gets each, 1 at most in all.
        script: entries in the order in which they are tried.
        seed: of what is drawn.
    """

    def __init__(self, shares: Sequence[tuple[Fault, float]], script: Sequence[ScriptEntry], seed: int) -> None:
        self._faults = [fault for fault, _ in shares]
        self._bounds = list(accumulate(share for _, share in shares))
        self._script = script
        self._seed = seed
        self._attempts: Counter[str] = Counter()

    def draw(self, question: Question, item: str) -> Fault | None:
        """The fault of one more attempt at an item, None for an answer.

        Args:
            question: what is asked.
            item: equal for the attempts at one item.
        """
        if not (self._faults or self._script):
            return None
        attempt = self._attempts[item]
        self._attempts[item] = attempt + 1
        entry = next((entry for entry in self._script if entry.matches(question)), None)
        return entry.fault(attempt) if entry is not None else self._drawn(item, attempt)

    def _drawn(self, item: str, attempt: int) -> Fault | None:
        digest = blake2b(f"{self._seed}:{item}:{attempt}".encode(), digest_size=8).digest()
        point = int.from_bytes(digest, "big") / 2**64
        position = bisect_right(self._bounds, point)
        return self._faults[position] if position < len(self._faults) else None

    def reset(self) -> None:
        """Forgets every attempt."""
        self._attempts.clear()
