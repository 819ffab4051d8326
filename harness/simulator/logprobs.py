"""Log-probabilities for a simulated answer's tokens, a proper distribution each; knows nothing about wire formats.

The probabilities of a position are one of 32 fixed geometric shapes, so that drawing them costs next to nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, product
from random import Random
from typing import TYPE_CHECKING

from harness.simulator.answers import SENTENCES, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.simulator.answers import Answer

MOST_ALTERNATIVES = 20
_RANKS = 24

_VOCABULARY = tuple(sorted({token for sentence in SENTENCES for token in split(" " + sentence)}))
# Doubled, so that a window may begin anywhere without a modulo per token.
_WINDOWS = _VOCABULARY * 2


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One position of an answer.

    Args:
        token: what was chosen.
        logprob: its natural logarithm of probability.
        top: the likeliest tokens with theirs, descending; the chosen one need not be among them.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Probabilities by rank: their logarithms, and the sum of all up to each."""

    logprobs: tuple[float, ...]
    cumulative: tuple[float, ...]


def _shape(best: float, share: float) -> _Shape:
    """The best first, and then always `share` of what is left."""
    # A thousandth stays with the rest of the vocabulary, so that rounding cannot push the sum over 1.
    left = 0.999
    probabilities = []
    for part in (best, *(share for _ in range(_RANKS - 1))):
        probabilities.append(left * part)
        left -= left * part
    return _Shape(
        logprobs=tuple(round(math.log(probability), 6) for probability in probabilities),
        cumulative=tuple(accumulate(probabilities)),
    )


_SHAPES = tuple(
    _shape(best, share)
    for best, share in product((0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.98, 0.995), (0.45, 0.55, 0.65, 0.75))
)


def token_choices(answer: Answer, top: int, *, greedy: bool) -> Iterator[TokenChoice]:
    """The chosen token and its alternatives, position by position; the same answer always gives the same.

    Args:
        answer: whose tokens.
        top: alternatives per position, 0 to `MOST_ALTERNATIVES`.
        greedy: the chosen token is the likeliest one everywhere (temperature 0); otherwise its rank is drawn.
    """
    rng = Random(answer.draw)  # noqa: S311 - evidence for tests, not secrets
    for token in answer.tokens:
        shape = _SHAPES[int(rng.random() * len(_SHAPES))]
        start = int(rng.random() * len(_VOCABULARY))
        rank = 0 if greedy else min(bisect_right(shape.cumulative, rng.random()), _RANKS - 1)
        names = [other for other in _WINDOWS[start : start + top + 1] if other != token]
        names.insert(rank, token)
        yield TokenChoice(token, shape.logprobs[rank], tuple(zip(names[:top], shape.logprobs, strict=False)))
