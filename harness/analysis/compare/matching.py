"""Which items of two runs belong together. Knows ids, and nothing of what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from harness.analysis.records import Record, Results

_ITEM = ("item_id",)
_PLACE = ("prompt_id", "variant", "repeat")
_QUESTION = ("prompt_id", "repeat")


@dataclass(frozen=True, slots=True)
class Matching:
    """The items of two runs.

    Args:
        keys: the fields that are the same in both records of a pair.
        pairs: in the order of the first run.
        only_one: records of the first run without a partner; `only_other` of the second.
    """

    keys: tuple[str, ...]
    pairs: tuple[tuple[Record, Record], ...]
    only_one: tuple[Record, ...]
    only_other: tuple[Record, ...]


def matched(one: Results, other: Results) -> Matching:
    """Pairs by item id; where there are none, by prompt, variant and repeat; else by prompt and repeat.

    The last only where either run has a single variant, because with several it would be open which belong together.

    Raises:
        UsageError: nothing is in common.
    """
    ways = [_ITEM, _PLACE]
    if len(_variants(one)) == len(_variants(other)) == 1:
        ways.append(_QUESTION)
    for keys in ways:
        found = _by(keys, one.records, other.records)
        if found.pairs:
            return found
    raise UsageError(
        f"{one.folder} and {other.folder} have nothing in common: no item, no prompt of the same id for a variant of "
        "the same name. Compare runs over the same prompts; where each has one variant only, its name may differ."
    )


def _by(keys: tuple[str, ...], one: Sequence[Record], other: Sequence[Record]) -> Matching:
    partners = {_key(record, keys): record for record in other}
    pairs = [(record, partners[key]) for record in one if (key := _key(record, keys)) in partners]
    taken = {_key(record, keys) for record, _ in pairs}
    return Matching(
        keys,
        tuple(pairs),
        tuple(record for record in one if _key(record, keys) not in taken),
        tuple(record for record in other if _key(record, keys) not in taken),
    )


def _key(record: Record, keys: tuple[str, ...]) -> tuple[Hashable, ...]:
    return tuple(record.get(name) for name in keys)


def _variants(results: Results) -> set[str]:
    return {str(record.get("variant")) for record in results.records}
