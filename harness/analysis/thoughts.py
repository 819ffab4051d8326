"""An answer without the thought before it, which some local models write into their text. Knows no record."""

from __future__ import annotations

_BEGIN = "<think>"
_END = "</think>"


def answer_after_thought(text: str) -> str:
    """What follows the first `</think>`; nothing where a thought was begun and not ended; else the whole text."""
    before, ended, after = text.partition(_END)
    if ended:
        return after.lstrip()
    return "" if before.lstrip().startswith(_BEGIN) else text
