"""One line of results.jsonl: whether it is a record, of which item, and whether it is a success. Knows no file."""

from __future__ import annotations

import re
from binascii import unhexlify
from typing import Any

import orjson

from harness.journal.form import AFTER_ID, HEAD, HEX_DIGITS, TAIL

_ID = slice(len(HEAD), len(HEAD) + HEX_DIGITS)
_AFTER_ID = slice(_ID.stop, _ID.stop + len(AFTER_ID))


def outcome(line: bytes) -> tuple[bytes, bool]:
    """The item's digest and whether the line is a success; a success in our own form is told by its two ends.

    A line with a second beginning in it is decoded: it may be half a record with a whole one glued to it. In a journal
    that is long enough to be scanned in bulk that is left to whoever reads the records.

    Raises:
        ValueError: the line is no record; the text says why.
    """
    # `0 in line` finds a page that never reached the disk. (`b"\0" in line` would take five times as long.)
    ends = line.startswith(HEAD) and line.endswith(TAIL) and line[_AFTER_ID] == AFTER_ID
    if ends and 0 not in line and line.find(HEAD, 1) == -1:
        try:
            return unhexlify(line[_ID]), True
        except ValueError:
            pass
    record = decode(line)
    return unhexlify(record["item_id"]), record["error"] is None


def decode(line: bytes) -> dict[str, Any]:
    """The whole record.

    Raises:
        ValueError: the line is no record; the text says why.
    """
    if not line.endswith(b"\n"):
        raise ValueError("the line was not finished")
    if 0 in line:
        raise ValueError("the line holds NUL bytes, as after a power failure")
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"the line is not JSON ({exc})") from exc
    if not isinstance(record, dict) or "error" not in record or not _is_item_id(record.get("item_id")):
        raise ValueError("the line is not a record (it needs an item_id of 32 hexadecimal digits, and error)")
    return record


def may_be_torn(line: bytes) -> bool:
    """Whether a crash can have left this line, so that it is no corruption as long as nothing good follows it."""
    return not line.endswith(b"\n") or 0 in line


def _is_item_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{32}", value) is not None
