"""Measures of uncertainty of one answer: formulas over raw logprobs. Knows no label, no file and no other answer.

All are over the recorded positions, by default the answer's first 50 tokens, and in natural logarithms. A measure is
None, never a guess, where one of its positions lacks what it needs: a mean over the others would be of the positions
that the sampler happened to leave whole.

Notation: n positions; y_t the token sampled at position t; p_t the model's distribution there, before temperature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.uncertainty.raw import raw_positions
from harness.analysis.uncertainty.yes_no import yes_no_margin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.uncertainty.raw import Position

_MARGIN_NEEDS = 2
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one answer; None where a measure is undefined.

    Args:
        mean_logprob: of the sampled tokens, at most 0; the lower, the less sure.
        min_logprob: of the least likely sampled token.
        perplexity: at least 1; the higher, the less sure.
        mean_margin: mean difference of the two largest probabilities, 0 to 1; the lower, the less sure.
        mean_entropy: mean entropy of the top list and the rest, in nats; the higher, the less sure.
        yes_no_margin: log-odds of yes against no where the answer begins; the nearer to 0, the less sure.
        positions: how many tokens all this is of.
        first_margin: the margin at the first position.
        top: how many tokens `mean_entropy` tells apart at each position, the rest being one more; None with it.
    """

    mean_logprob: float | None
    min_logprob: float | None
    perplexity: float | None
    mean_margin: float | None
    mean_entropy: float | None
    yes_no_margin: float | None
    positions: int
    first_margin: float | None = None
    top: int | None = None


def measures_of(record: Mapping[str, Any]) -> Measures | None:
    """The measures of one line of results.jsonl; None where it holds no token logprobs."""
    positions = raw_positions(record)
    if not positions:
        return None
    logprobs = _sampled(positions)
    entropy = mean_entropy(positions)
    return Measures(
        mean_logprob=mean_logprob(logprobs),
        min_logprob=min(logprobs, default=None),
        perplexity=perplexity(logprobs),
        mean_margin=mean_margin(positions),
        mean_entropy=entropy,
        yes_no_margin=yes_no_margin(positions, record.get("full_response") or ""),
        positions=len(positions),
        first_margin=margin(positions[0]),
        top=None if entropy is None else len(positions[0].top or ()),
    )


def mean_logprob(logprobs: Sequence[float]) -> float | None:
    """(1/n) Σ_t ln p_t(y_t): the length-normalised log-likelihood.

    Its negative is the length-normalised negative log-likelihood of Malinin and Gales, Uncertainty Estimation in
    Autoregressive Structured Prediction, 2021, arXiv:2002.07650; sequence-level "TP" of Fomicheva et al., Unsupervised
    Quality Estimation for Neural Machine Translation, 2020, arXiv:2005.10608. The minimum, min_t ln p_t(y_t), is
    "Max(−log p)" of Manakul, Liusie and Gales, SelfCheckGPT, 2023, arXiv:2303.08896, with the other sign.
    """
    return math.fsum(logprobs) / len(logprobs) if logprobs else None


def perplexity(logprobs: Sequence[float]) -> float | None:
    """exp(−(1/n) Σ_t ln p_t(y_t)), over the recorded span only.

    Jelinek, Mercer, Bahl and Baker, Perplexity: a measure of the difficulty of speech recognition tasks, 1977. Not
    finite in a float for a mean below −700, and undefined there.
    """
    mean = mean_logprob(logprobs)
    return None if mean is None or -mean > _LARGEST_EXPONENT else math.exp(-mean)


def margin(position: Position) -> float | None:
    """p_t(first) − p_t(second), of the two likeliest tokens, whichever was sampled.

    Scheffer, Decomain and Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001. Undefined where a
    warper or the provider left only one.
    """
    if position.top is None or len(position.top) < _MARGIN_NEEDS:
        return None
    first, second = position.top[:_MARGIN_NEEDS]
    return math.exp(first.logprob) - math.exp(second.logprob)


def mean_margin(positions: Sequence[Position]) -> float | None:
    """(1/n) Σ_t of `margin`; undefined where one of them is."""
    margins = [margin(position) for position in positions]
    known = [one for one in margins if one is not None]
    return math.fsum(known) / len(known) if len(known) == len(margins) else None


def mean_entropy(positions: Sequence[Position]) -> float | None:
    """(1/n) Σ_t H_t, with H_t = −Σ_i p_t(i) ln p_t(i) − r_t ln r_t over the k listed tokens; r_t = 1 − Σ_i p_t(i).

    The mean token entropy of Malinin and Gales (arXiv:2002.07650) and "Softmax-Ent" of Fomicheva et al.
    (arXiv:2005.10608), with all that is not listed as one bin. Merging outcomes never adds entropy (Cover and Thomas,
    Elements of Information Theory, 2006, problem 2.4), so this is a lower bound of the entropy over the
    vocabulary, and at most ln(k + 1). It depends on k: undefined where k is not the same at all positions, because a
    warper had left fewer tokens.
    """
    sizes = {len(position.top or ()) for position in positions}
    if len(sizes) != 1 or 0 in sizes:
        return None
    return math.fsum(_entropy([one.logprob for one in position.top or ()]) for position in positions) / len(positions)


def _entropy(logprobs: Sequence[float]) -> float:
    listed = math.fsum(-math.exp(logprob) * logprob for logprob in logprobs)
    # Rounding can take the listed ones to a little more than 1.
    rest = max(0.0, 1.0 - math.fsum(map(math.exp, logprobs)))
    return max(0.0, listed - (rest * math.log(rest) if rest else 0.0))


def _sampled(positions: Sequence[Position]) -> list[float]:
    """The sampled tokens' logprobs; none at all where one is unknown."""
    known = [position.logprob for position in positions if position.logprob is not None]
    return known if len(known) == len(positions) else []
