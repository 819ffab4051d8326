"""Which items of two runs belong together. Knows ids, and nothing of what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from harness.analysis.records import Record, Results

_ITEM = ("item_id",)
_PLACE = ("prompt_id", "variant", "repeat")
_QUESTION = ("prompt_id", "repeat")


@dataclass(frozen=True, slots=True)
class Matching:
    """The items of two runs.

    Args:
        found_by: how many pairs have the same values in which fields (`prompt_id, variant, repeat`), by these.
        pairs: in the order of the first run.
        only_one: records of the first run without a partner; `only_other` of the second.
    """

    found_by: Mapping[str, int]
    pairs: tuple[tuple[Record, Record], ...]
    only_one: tuple[Record, ...]
    only_other: tuple[Record, ...]


def matched(one: Results, other: Results) -> Matching:
    """Pairs by item id; of the items that are left by prompt, variant and repeat; then by prompt and repeat.

    The last only where either run has a single variant, because with several it would be open which belong together.
    An item is in one pair at most.

    Raises:
        UsageError: nothing is in common.
    """
    ways = [_ITEM, _PLACE]
    if len(_variants(one)) == len(_variants(other)) == 1:
        ways.append(_QUESTION)
    partner_of: dict[str, Record] = {}
    found_by = {}
    only_one, only_other = tuple(one.records), tuple(other.records)
    for keys in ways:
        found = _partners(keys, only_one, only_other)
        if found:
            found_by[", ".join(keys)] = len(found)
        partner_of |= found
        taken = {record["item_id"] for record in found.values()}
        only_one = tuple(record for record in only_one if record["item_id"] not in found)
        only_other = tuple(record for record in only_other if record["item_id"] not in taken)
    if partner_of:
        pairs = [(record, partner_of[record["item_id"]]) for record in one.records if record["item_id"] in partner_of]
        return Matching(found_by, tuple(pairs), only_one, only_other)
    raise UsageError(
        f"{one.folder} and {other.folder} have nothing in common: no item, no prompt of the same id for a variant of "
        "the same name. Compare runs over the same prompts; where each has one variant only, its name may differ."
    )


def _partners(keys: tuple[str, ...], one: Sequence[Record], other: Sequence[Record]) -> dict[str, Record]:
    """Records of `other` by the item id of their partner in `one`."""
    free = {_key(record, keys): record for record in other}
    return {record["item_id"]: free.pop(key) for record in one if (key := _key(record, keys)) in free}


def _key(record: Record, keys: tuple[str, ...]) -> tuple[Hashable, ...]:
    return tuple(record.get(name) for name in keys)


def _variants(results: Results) -> set[str]:
    return {str(record.get("variant")) for record in results.records}
