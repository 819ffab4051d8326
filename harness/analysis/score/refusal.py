"""Phrases by which a model refuses to answer, at the beginning of its answer. English only; knows no reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.schema import FinishReason

if TYPE_CHECKING:
    from collections.abc import Sequence

REASONS = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER})
_SENTENCES = 2
_I_WILL_NOT = (
    r"\bi(?:'m| am)?(?: (?:really|afraid|sorry))?(?:,? but i)?"
    r"(?: cannot| can't| can not| will not| won't| unable to| not able to| (?:must|have to) decline to)(?: \w+ly)?"
)
_ANSWER = (
    r"(?:help|assist|comply|fulfil+|engage|do that|support|participate|continue|discuss|write|create|generate|produce|"
    r"draft|answer|respond|provide|give|share)"
)
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_I_WILL_NOT} {_ANSWER}\b",
        r"\bi(?: must| have to| will| need to)? (?:respectfully |politely )?decline\b",
        r"\bi(?:'d| would) (?:rather|prefer) not\b",
        r"\b(?:against|violates?|violating) (?:my|our)\b[\w ]*(?:guidelines?|polic(?:y|ies)|programming|principles)\b",
    )
)


def is_refusal(finish_reason: str | None, sentences: Sequence[str]) -> bool:
    """Whether the provider stopped the answer, or its first two `sentences`, as `opening` gives them, refuse.

    "I cannot give details" may be either. Where the sentence also says that the model does not know, it is no refusal:
    the caller looks for that first.
    """
    if finish_reason in REASONS:
        return True
    return any(pattern.search(sentence) for sentence in sentences[:_SENTENCES] for pattern in _PATTERNS)
