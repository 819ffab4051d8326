"""What of a plan a journal has already, and what it lacks. Counts only; nothing is sent or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import DigestSet
from harness.resume import count_done

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.config import LaneConfig
    from harness.journal import Scan
    from harness.schema import Prompt


@dataclass(frozen=True, slots=True)
class Remaining:
    """How far a plan has come, by the name of the variant.

    Args:
        total: items of the plan.
        done: those that have an answer.
        left_alone: those that failed and are not to be tried again.
        skip: digests of the items that are not to be sent.
    """

    total: Mapping[str, int]
    done: Mapping[str, int]
    left_alone: Mapping[str, int]
    skip: DigestSet

    def of(self, name: str) -> int:
        """Items of the variant that are still to be sent."""
        return self.total[name] - self.done[name] - self.left_alone[name]


def remaining(
    lanes: Sequence[LaneConfig], prompts: Iterable[Prompt], count: int, found: Scan, *, retry_failed: bool = True
) -> Remaining:
    """What is left of `lanes` over the `count` prompts in `prompts`, by what was `found` in the journal."""
    total = {lane.variant.name: count * lane.variant.repeats for lane in lanes}
    done = {lane.variant.name: count_done(lane, prompts, total[lane.variant.name], found.done) for lane in lanes}
    if retry_failed or not len(found.failed):
        return Remaining(total, done, dict.fromkeys(total, 0), found.done)
    skip = DigestSet()
    for digests in (found.done, found.failed):
        for digest in digests:
            skip.add(digest)
    either = {lane.variant.name: count_done(lane, prompts, total[lane.variant.name], skip) for lane in lanes}
    return Remaining(total, done, {name: either[name] - done[name] for name in total}, skip)
