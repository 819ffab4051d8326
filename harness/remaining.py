"""What of a plan a journal has already, and what it lacks. Counts only; nothing is sent or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import DigestSet
from harness.plan import count_in

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
    done = _by_variant(lanes, prompts, found.done)
    left_alone = dict.fromkeys(total, 0) if retry_failed else _by_variant(lanes, prompts, found.failed)
    return Remaining(total, done, left_alone, not_to_send(found, retry_failed=retry_failed))


def not_to_send(found: Scan, *, retry_failed: bool = True) -> DigestSet:
    """The items that have an answer, and unless they are to be tried again, those that failed."""
    if retry_failed or not len(found.failed):
        return found.done
    return DigestSet.of(b"".join((*found.done, *found.failed)))


def _by_variant(lanes: Sequence[LaneConfig], prompts: Iterable[Prompt], items: DigestSet) -> dict[str, int]:
    """How many items of each lane, by its variant's name, are in `items`; the prompts are read once for all lanes."""
    variants = [lane.variant for lane in lanes]
    counts = count_in(items, variants, prompts) if len(items) else [0] * len(variants)
    return {variant.name: count for variant, count in zip(variants, counts, strict=True)}
