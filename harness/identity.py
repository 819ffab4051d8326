"""What makes two items the same item: the hash that is the resume key and the join key of everything downstream.

Only what determines the answer goes in. A position in a file, a key, a URL, a device or a concurrency never does.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from harness.digests import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.schema import Variant

_EXACT_IN_A_FLOAT = 2**53


def variant_identity(variant: Variant) -> bytes:
    """Everything about `variant` that determines its answers, as canonical JSON; its display name is not part of it."""
    facts = {
        "provider": variant.provider.value,
        "model": variant.model,
        "label": variant.label,
        "revision": variant.revision,
        "sampling": asdict(variant.sampling),
        "system": variant.system,
        "dtype": variant.dtype,
        "quantization": variant.quantization,
        "chat_template_kwargs": dict(variant.chat_template_kwargs),
        "template_date": variant.template_date,
        "extra_body": dict(variant.extra_body),
        "run_seed": variant.run_seed,
        "simulated": variant.simulated,
    }
    return orjson.dumps(_canonical(facts), option=orjson.OPT_SORT_KEYS)


def item_identity(prompt_id: str, turns: Sequence[Sequence[str]], system: str | None, repeat: int) -> bytes:
    """What one prompt and repeat add to a variant's identity, as canonical JSON.

    Args:
        turns: role and content of each.
        system: the system text in force, the prompt's own or the variant's.
    """
    # Canonical as it stands: the keys are in their order, the only number is a float, an absent fact is left out.
    facts = {"messages": turns, "prompt_id": prompt_id, "repeat": float(repeat)}
    if system is not None:
        facts["system"] = system
    return orjson.dumps(facts)


class ItemHasher:
    """Item ids of one variant, as 16 bytes: blake2b-128 of its identity and of what an item adds to it."""

    def __init__(self, variant: Variant) -> None:
        self._state = hashlib.blake2b(variant_identity(variant) + b"\n", digest_size=DIGEST_SIZE)

    def __call__(self, identity: bytes) -> bytes:
        """The id of the item whose `item_identity` is given."""
        state = self._state.copy()
        state.update(identity)
        return state.digest()


def item_seed(run_seed: int, prompt_id: str, repeat: int) -> int:
    """The item's own seed: blake2b of (run seed, prompt id, repeat), modulo 2³¹; the same for every variant."""
    digest = hashlib.blake2b(orjson.dumps([run_seed, prompt_id, repeat]), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 2**31


def _canonical(value: Any) -> Any:
    """Numbers as floats, so that 0 is 0.0; absent facts left out, so that a new optional setting renames nothing."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return float(value) if abs(value) <= _EXACT_IN_A_FLOAT else str(value)
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
