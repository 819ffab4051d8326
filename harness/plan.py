"""Prompts × one variant × repeats − what is done → lazy requests, and what an older journal says against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.digests import digest16
from harness.identity import item_id, item_seed, variant_identity
from harness.schema import Message, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from harness.digests import DigestSet
    from harness.schema import Prompt, Variant


def requests_for(
    variant: Variant, run_seed: int, prompts: Iterable[Prompt], skip: DigestSet | AbstractSet[bytes] = frozenset()
) -> Iterator[Request]:
    """Every request of `variant` whose item is not in `skip` (item ids as 16 bytes), prompt by prompt.

    Args:
        run_seed: what each item's own seed derives from.
    """
    identity = variant_identity(variant)
    for prompt in prompts:
        messages = prompt.messages or (Message("user", prompt.text),)
        system = prompt.system if prompt.system is not None else variant.system
        for repeat in range(variant.repeats):
            name = item_id(identity, prompt.id, messages, system, repeat)
            if bytes.fromhex(name) not in skip:
                seed = item_seed(run_seed, prompt.id, repeat)
                yield Request(name, prompt, variant, repeat, seed, messages, system)


def place_of(prompt_id: str, variant_name: str, repeat: int) -> bytes:
    """Where an item stands in the plan, whatever its text and parameters: two items in one place mean a change."""
    return digest16(prompt_id, variant_name, str(repeat))
