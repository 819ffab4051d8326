"""The recorded positions of an answer as logprobs before temperature and warpers. Knows no measure.

Of the sampled token, local models record `raw_logprob`, and that is taken. Their top lists are of `logprobs_of`:

- `logits`: raw as they are.
- `scores`, at the temperature T (1 for greedy answers): a token's score is logit/T. top_k, top_p and min_p exclude
  tokens and leave the scores of the others alone, so that normalising adds the same constant for all of a position's
  tokens, and raw_i = T · logprob_i + c. The sampled token has both numbers, which gives c = raw − T · logprob. This is
  exact but for the last bits of a float32. What was excluded stays unknown: a list may be shorter than was asked for.
- `scores` with a `repetition_penalty`: the logits of some tokens were changed, and the record does not say whose. The
  top list's raw logprobs are unknown.
- `provider`: as the provider gives them. Whether that is before or after temperature is the provider's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_PENALTY = (None, 1)
_UNKNOWN_TO_OPENAI = -9999.0
"""What OpenAI writes for a sampled token outside the top 20 (API reference, `logprobs.content.logprob`)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token's text and its raw logprob, a natural logarithm."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Position:
    """One generated position.

    Args:
        token: the sampled token's text.
        logprob: its raw logprob; None where unknown.
        top: the likeliest tokens, descending; None where their raw logprobs are unknown.
    """

    token: str
    logprob: float | None
    top: tuple[Candidate, ...] | None


def raw_positions(record: Mapping[str, Any]) -> tuple[Position, ...]:
    """The positions that `record` holds logprobs of, in order; empty where it holds none."""
    listed = record.get("token_logprobs") or ()
    sent = record.get("sampling_params") or {}
    kind = record.get("logprobs_of")
    temperature = sent.get("temperature") or 1.0
    is_penalised = kind == "scores" and sent.get("repetition_penalty") not in _NO_PENALTY
    return tuple(_position(one, kind, temperature, is_penalised=is_penalised) for one in listed)


def _position(facts: Mapping[str, Any], kind: str | None, temperature: float, *, is_penalised: bool) -> Position:
    recorded, raw = facts.get("logprob"), facts.get("raw_logprob")
    token = facts.get("token") or ""
    tops = list(zip(facts.get("top_tokens") or (), facts.get("top_logprobs") or (), strict=False))
    if kind == "provider":
        known = None if recorded is None or recorded <= _UNKNOWN_TO_OPENAI else float(recorded)
        return Position(token, known, _candidates(tops, 1.0, 0.0))
    if kind == "logits":
        return Position(token, raw if raw is not None else recorded, _candidates(tops, 1.0, 0.0))
    if kind != "scores":
        return Position(token, None, None)
    if is_penalised or raw is None or recorded is None:
        return Position(token, raw, None)
    return Position(token, raw, _candidates(tops, temperature, raw - temperature * recorded))


def _candidates(tops: list[tuple[str, float]], factor: float, constant: float) -> tuple[Candidate, ...]:
    return tuple(Candidate(text, factor * logprob + constant) for text, logprob in tops)
