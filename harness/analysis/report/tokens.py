"""Token logprobs as short strings, which the page reads when somebody looks at them. Knows no record and no page.

A position is `sampled,raw,token,logprob,token,logprob,…` with the top list after the first two; positions are joined by
`;`. Tokens are numbers in a vocabulary of the whole page, logprobs are in steps of 0.0001 nats with their sign turned
around, both in base 36; an unknown logprob is empty. `sampled` is the place of the sampled token in the top list, or
`~token~logprob` where it is not in it. `raw` is its logprob before temperature, empty where it is the same or unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEPS = 10_000
"""Steps in one nat."""
_UNKNOWN = -9999.0
"""What OpenAI writes for a sampled token outside the top 20 (API reference, `logprobs.content.logprob`)."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Vocabulary:
    """Each distinct text of a token once, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, token: str) -> int:
        """The number of `token`, a new one where it has none."""
        return self._numbers.setdefault(token, len(self._numbers))

    @property
    def tokens(self) -> list[str]:
        """All of them, in the order of their numbers."""
        return list(self._numbers)


def encode(positions: Sequence[Mapping[str, Any]], vocabulary: Vocabulary) -> str:
    """`token_logprobs` of a record as one string; tokens that are new go into `vocabulary`."""
    return ";".join(_position(position, vocabulary) for position in positions)


def _position(position: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    texts, logprobs = position.get("top_tokens") or (), position.get("top_logprobs") or ()
    top = [(vocabulary.number(text), _steps(logprob)) for text, logprob in zip(texts, logprobs, strict=False)]
    own = (vocabulary.number(position.get("token") or ""), _steps(position.get("logprob")))
    raw = _steps(position.get("raw_logprob"))
    sampled = _base36(top.index(own)) if own in top else f"~{_base36(own[0])}~{_written(own[1])}"
    pairs = [f"{_base36(number)},{_written(steps)}" for number, steps in top]
    return ",".join([sampled, "" if raw == own[1] else _written(raw), *pairs])


def _steps(logprob: float | None) -> int | None:
    if logprob is None or not math.isfinite(logprob) or logprob <= _UNKNOWN:
        return None
    return round(-logprob * STEPS)


def _written(steps: int | None) -> str:
    return "" if steps is None else _base36(steps)


def _base36(number: int) -> str:
    if number < 0:
        return "-" + _base36(-number)
    digits = _DIGITS[number % 36]
    while number := number // 36:
        digits = _DIGITS[number % 36] + digits
    return digits
