"""Which gold points an answer mentions, by the words they share. Knows no language model and no meaning.

A point counts as mentioned when at least half of its content words stand in the answer: its words without function
words, without what the prompt says already, and compared without case, possessives and plural s. Of a point that ends
in a colon and a fact only the fact counts; what stands in brackets is a remark, unless nothing else is left. Where it
says that one, two or three of a list are enough, so many of its entries have to be mentioned.

It errs both ways: a denial has the words of what it denies, and a paraphrase may have none of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE = 0.5
_WORD = re.compile(r"[^\W_](?:[\w.&+/-]*[\w+])?")
_REMARK = re.compile(r"\([^()]*\)")
_LIST_MARK = re.compile(r"^[ \t]*(?:[-+*•]|\d+[.)])\s+", re.MULTILINE)
_COUNTS = {"one": 1, "two": 2, "three": 3}
_ENOUGH = re.compile(r"\b(one|two|three) of\b", re.IGNORECASE)
_FORBIDS = re.compile(r"no\b(?! longer)", re.IGNORECASE)
_FUNCTION_WORDS = re.compile(
    r"an?|and|any|are|as|at|be|been|but|by|can|could|did|do|does|for|from|had|has|have|how|if|in|into|is|it|itself|its?|"
    r"may|might|must|not|of|on|or|other|own|same|shall|should|so|such|than|that|the|their|them|then|there|these|they|"
    r"this|those|to|too|under|was|were|what|when|where|which|while|who|whose|why|will|with|without|would|you|your"
)
# They name what kind of fact a point states, and an answer need not.
_LABELS = re.compile(
    r"affect|belong|called|catalog|decide|default|describe|document|documented|family|known|list|make|metric|names?d?|run|say|"
    r"set|tactic|target|test|title|used?|value|weakness"
)


def mentioned(points: Sequence[str], answer: str, prompt: str) -> list[bool | None]:
    """For each of `points` whether `answer` mentions it.

    None where words cannot tell: all that a point says stands in the prompt already, or it says what not to claim.
    """
    said, asked = _words(_LIST_MARK.sub("", answer)), _words(prompt)
    return [_mentions(point, said, asked) for point in points]


def _mentions(point: str, said: frozenset[str], asked: frozenset[str]) -> bool | None:
    if _FORBIDS.match(point):
        return None
    head, colon, fact = point.partition(": ")
    fact = _without_remarks(fact if colon else point)
    enough = _ENOUGH.search(head) if colon else None
    if enough is None:
        return _overlaps(fact, said, asked)
    entries = [_overlaps(entry, said, asked) for entry in fact.split(",")]
    told = [entry for entry in entries if entry is not None]
    return sum(told) >= min(_COUNTS[enough.group(1).lower()], len(told)) if told else None


def _overlaps(fact: str, said: frozenset[str], asked: frozenset[str]) -> bool | None:
    new = _words(fact) - asked
    words = {word for word in new if not _LABELS.fullmatch(word)} or new
    return len(words & said) >= SHARE * len(words) if words else None


def _without_remarks(text: str) -> str:
    shorter = _REMARK.sub("", text)
    return shorter if _WORD.search(shorter) else text


def _words(text: str) -> frozenset[str]:
    plain = text.replace("\u2019", "'").casefold().replace("'s", "")
    return frozenset(_singular(word) for word in _WORD.findall(plain) if not _FUNCTION_WORDS.fullmatch(word))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word  # noqa: PLR2004
