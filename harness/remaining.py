"""What of a plan a journal has already, and what it lacks. Counts only; nothing is sent or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import DigestSet
from harness.plan import count_in
from harness.shard import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.config import LaneConfig
    from harness.digests import Digests
    from harness.journal import Scan
    from harness.schema import Prompt
    from harness.shard import Shard


@dataclass(frozen=True, slots=True)
class Remaining:
    """How far a plan has come, by the name of the variant.

    Args:
        total: items of the plan, or of the shard of it.
        done: those that have an answer.
        left_alone: those that failed and are not to be tried again.
        skip: digests of the items that are not to be sent.
    """

    total: Mapping[str, int]
    done: Mapping[str, int]
    left_alone: Mapping[str, int]
    skip: Digests

    def of(self, name: str) -> int:
        """Items of the variant that are still to be sent."""
        return self.total[name] - self.done[name] - self.left_alone[name]


def remaining(
    lanes: Sequence[LaneConfig],
    prompts: Iterable[Prompt],
    count: int,
    found: Scan,
    *,
    retry_failed: bool = True,
    shard: Shard = WHOLE,
) -> Remaining:
    """What is left of `lanes` over the `count` prompts in `prompts`, by what was `found` in the journal of `shard`."""
    total = items_of(lanes, prompts, count, shard)
    done = _by_variant(lanes, prompts, found.done)
    left_alone = dict.fromkeys(total, 0) if retry_failed else _by_variant(lanes, prompts, found.failed)
    skip = shard.leaving_out(not_to_send(found, retry_failed=retry_failed))
    return Remaining(total, done, left_alone, skip)


def items_of(
    lanes: Sequence[LaneConfig], prompts: Iterable[Prompt], count: int, shard: Shard = WHOLE
) -> dict[str, int]:
    """How many items of each lane `shard` holds, by its variant's name."""
    if shard.is_whole:
        return {lane.variant.name: count * lane.variant.repeats for lane in lanes}
    variants = [lane.variant for lane in lanes]
    held = count_in(shard, variants, prompts)
    return {variant.name: items for variant, items in zip(variants, held, strict=True)}


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
