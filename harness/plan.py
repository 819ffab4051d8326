"""Prompts × one variant × repeats − what is done → lazy requests, and what an older journal says against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.digests import digest16
from harness.identity import ItemHasher, item_identity, item_seed
from harness.schema import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.digests import Digests
    from harness.schema import Prompt, Variant


_SKIPPED_AT_ONCE = 256
"""A few milliseconds' worth."""


def requests_for(
    variant: Variant, run_seed: int, prompts: Iterable[Prompt], skip: Digests = frozenset()
) -> Iterator[Request]:
    """Every request of `variant` whose item is not in `skip` (item ids as 16 bytes), prompt by prompt.

    Args:
        run_seed: what each item's own seed derives from.
    """
    return (request for request in unfinished(variant, run_seed, prompts, skip) if request is not None)


def unfinished(
    variant: Variant, run_seed: int, prompts: Iterable[Prompt], skip: Digests = frozenset()
) -> Iterator[Request | None]:
    """As `requests_for`, with a None now and then while items are skipped, so that an event loop can have its turn."""
    hasher, repeats = ItemHasher(variant), range(variant.repeats)
    skipped = 0
    for prompt in prompts:
        turns, system = _turns(prompt), _system(prompt, variant)
        for repeat in repeats:
            digest = hasher(item_identity(prompt.id, turns, system, repeat))
            if digest not in skip:
                messages = prompt.messages or (Message("user", prompt.text),)
                seed = item_seed(run_seed, prompt.id, repeat)
                yield Request(digest.hex(), prompt, variant, repeat, seed, messages, system)
            else:
                skipped += 1
                if skipped % _SKIPPED_AT_ONCE == 0:
                    yield None


def count_in(items: Digests, variants: Sequence[Variant], prompts: Iterable[Prompt]) -> list[int]:
    """How many requests of each variant are in `items` (item ids as 16 bytes); the prompts are gone through once."""
    counts = [0] * len(variants)
    hashers = [(index, variant, ItemHasher(variant)) for index, variant in enumerate(variants)]
    most = max((variant.repeats for variant in variants), default=0)
    for prompt in prompts:
        turns = _turns(prompt)
        for repeat in range(most):
            known: dict[str | None, bytes] = {}
            for index, variant, hasher in hashers:
                if repeat >= variant.repeats:
                    continue
                system = _system(prompt, variant)
                if (identity := known.get(system)) is None:
                    identity = known[system] = item_identity(prompt.id, turns, system, repeat)
                counts[index] += hasher(identity) in items
    return counts


def place_of(prompt_id: str, variant_name: str, repeat: int) -> bytes:
    """Where an item stands in the plan, whatever its text and parameters: two items in one place mean a change."""
    return digest16(prompt_id, variant_name, str(repeat))


def _turns(prompt: Prompt) -> list[list[str]]:
    if not prompt.messages:
        return [["user", prompt.text]]
    return [[message.role, message.content] for message in prompt.messages]


def _system(prompt: Prompt, variant: Variant) -> str | None:
    return prompt.system if prompt.system is not None else variant.system
