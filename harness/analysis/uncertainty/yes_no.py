"""How much likelier yes is than no where an answer begins. Knows English yes and no, and no other measure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.uncertainty.raw import Candidate, Position

_AROUND = " \t\r\n\u00a0▁Ġ*_#>`~\"'“”\u2018\u2019([{-\u2013—•"
"""What may stand before a word: spaces (as tokenizers spell them too), markdown, quotes, dashes and bullets."""
_BEHIND = _AROUND + ".,:;!?)]}"
_CONTROL = re.compile(r"<\|[^|>]*\|>|<s>|</s>|<bos>|<eos>")
_THOUGHT = re.compile(r"\s*<think>")
_END_OF_THOUGHT = "</think>"
_LEAST = 1e-10


def yes_no_margin(positions: Sequence[Position], text: str) -> float | None:
    """ln P(yes) − ln P(no) at the first token of the answer that is a word.

    P(yes) is the sum over all listed tokens that read "yes" once spaces, markdown, quotes, punctuation and case are
    taken away ("Yes", " yes", "YES", "**Yes"); P(no) likewise. Summing over surface forms: Holtzman et al., Surface
    Form Competition, 2021, arXiv:2104.08315; the probability of an answer option as confidence: Kadavath et al.,
    Language Models (Mostly) Know What They Know, 2022, arXiv:2207.05221.

    Where only one of the two is listed, the other counts as a token that just misses the list: as likely as the last
    listed one, and no likelier than all that is not listed. The margin then has the right sign and is about the least
    that it can be. Undefined where neither is listed, where no recorded token is a word, or while the answer is still
    inside `<think>`.

    Args:
        text: the whole answer, which tells whether a thought is still open where the recorded positions end.
    """
    first = _first_word(positions, text)
    if first is None or not first.top:
        return None
    masses = {word: _mass(first.top, word) for word in ("yes", "no")}
    if not any(masses.values()):
        return None
    unlisted = max(0.0, 1.0 - math.fsum(math.exp(one.logprob) for one in first.top))
    floor = max(_LEAST, min(unlisted, math.exp(first.top[-1].logprob)))
    yes, no = (mass or floor for mass in masses.values())
    return math.log(yes) - math.log(no)


def bare(token: str) -> str:
    """A token's text without case and without what may stand around a word."""
    return _CONTROL.sub("", token).lstrip(_AROUND).rstrip(_BEHIND).casefold()


def _first_word(positions: Sequence[Position], text: str) -> Position | None:
    start = 0
    if _END_OF_THOUGHT in text or _THOUGHT.match(text):
        tokens = [position.token.strip() for position in positions]
        if _END_OF_THOUGHT not in tokens:
            return None
        start = tokens.index(_END_OF_THOUGHT) + 1
    return next((position for position in positions[start:] if bare(position.token)), None)


def _mass(top: Sequence[Candidate], word: str) -> float:
    return math.fsum(math.exp(one.logprob) for one in top if bare(one.text) == word)
