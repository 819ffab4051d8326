"""The difference of two texts in one line, word by word. Knows no record."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOW = 80
_AROUND = 4
_HUNKS = 3
_LONGEST = 12


def short_difference(one: str, other: str) -> str:
    """The first few changes as `before [-gone-] {+new+} after`; empty for equal texts.

    Only 80 words from the first change on are looked at, and of a long change its first 12, so that texts of any length
    are compared in no time.
    """
    if one == other:
        return ""
    old, new = one.split(), other.split()
    if old == new:
        return "only white space differs"
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    start = max(0, same - _AROUND)
    old, new = old[start : start + _WINDOW], new[start : start + _WINDOW]
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    told = ["…"] if start else []
    hunks = 0
    for kind, i, j, k, m in codes:
        if kind == "equal":
            told += _context(old[i:j], is_first=not hunks)
            continue
        hunks += 1
        if hunks > _HUNKS:
            return " ".join([*told, "…"]) if told[-1] != "…" else " ".join(told)
        told += _bracketed(old[i:j], "[-", "-]") + _bracketed(new[k:m], "{+", "+}")
    return " ".join(told)


def _context(words: Sequence[str], *, is_first: bool) -> list[str]:
    if len(words) <= 2 * _AROUND or is_first:
        return list(words[-_AROUND:] if is_first else words)
    return [*words[:_AROUND], "…", *words[-_AROUND:]]


def _bracketed(words: Sequence[str], before: str, after: str) -> list[str]:
    if not words:
        return []
    rest = " …" if len(words) > _LONGEST else ""
    return [before + " ".join(words[:_LONGEST]) + rest + after]
