"""How a success begins and ends as `harness.record` writes it, so that it can be told without being decoded."""

from __future__ import annotations

HEAD = b'{"item_id":"'
HEX_DIGITS = 32
AFTER_ID = b'",'
TAIL = b',"error":null}\n'
