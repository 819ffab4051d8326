"""How a success begins and ends as `harness.record` writes it, so that it can be told without being decoded."""

from __future__ import annotations

import orjson

HEAD = b'{"item_id":"'
HEX_DIGITS = 32
AFTER_ID = b'",'
TAIL = b',"error":null}\n'
COST = b',"cost_usd":'
"""What comes before the cost. Inside a string its quotes would be escaped."""
_ORIGIN = b',"reused_from":{'
_LONGEST_END = 1 << 15


def was_reused(line: bytes) -> bool:
    """Whether a success was taken over from another run, by the end of its line."""
    end = line.rfind(COST)
    start = line.rfind(_ORIGIN, max(0, end - _LONGEST_END), max(0, end))
    if start == -1:
        return False
    try:
        # One object from there to the cost, and not one inside of what a prompt file said.
        return isinstance(orjson.loads(line[start + len(_ORIGIN) - 1 : end]), dict)
    except orjson.JSONDecodeError:
        return False
