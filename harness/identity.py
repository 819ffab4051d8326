"""What makes two items the same item: the hash that is the resume key and the join key of everything downstream.

Only what determines the answer goes in. A position in a file, a key, a URL, a device or a concurrency never does.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.schema import Message, Variant

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
        "extra_body": dict(variant.extra_body),
        "run_seed": variant.run_seed,
        "simulated": variant.simulated,
    }
    return _json(facts)


def item_id(identity: bytes, prompt_id: str, messages: Sequence[Message], system: str | None, repeat: int) -> str:
    """blake2b-128 in hex of a variant's identity and what one prompt and repeat add to it.

    Args:
        identity: `variant_identity` of the variant (computed once for many prompts).
        system: the system text in force, the prompt's own or the variant's.
    """
    facts = {
        "prompt_id": prompt_id,
        "messages": [[message.role, message.content] for message in messages],
        "system": system,
        "repeat": repeat,
    }
    return hashlib.blake2b(identity + b"\n" + _json(facts), digest_size=16).hexdigest()


def item_seed(run_seed: int, prompt_id: str, repeat: int) -> int:
    """The item's own seed: blake2b of (run seed, prompt id, repeat), modulo 2³¹; the same for every variant."""
    digest = hashlib.blake2b(orjson.dumps([run_seed, prompt_id, repeat]), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 2**31


def _json(facts: dict[str, Any]) -> bytes:
    return orjson.dumps(_canonical(facts), option=orjson.OPT_SORT_KEYS)


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
