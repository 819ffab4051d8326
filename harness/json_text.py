"""JSON that is always written: what a provider said may hold lone surrogates, which UTF-8 cannot. Knows no fields."""

from __future__ import annotations

from typing import Any

import orjson


def to_json(value: Any, option: int = 0) -> bytes:
    """`value` as JSON; each lone surrogate in it becomes U+FFFD rather than cost what stands around it.

    What JSON does not know is written as text, and so is an integer of more than 64 bits.
    """
    try:
        return orjson.dumps(value, default=str, option=option)
    except TypeError:
        return orjson.dumps(_clean(value), default=str, option=option)


def _clean(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _clean(getattr(value, name)) for name in value.__dataclass_fields__}
    return value
