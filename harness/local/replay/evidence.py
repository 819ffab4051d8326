"""How far the logprobs of two answers to one request are apart, and how far they may be. Knows no text and no model.

What is compared: of each position the sampled token's logprob, its logprob by the raw logits, and the list of the most
likely tokens. A token that stands in one list only has a value of its own there, and in the other answer none above the
least of that list; by how much it is above, the two are apart at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.replay.recorded import LocalAnswer, Position
    from harness.schema import Completion, TokenLogprob

_FINE = 1e-3
_COARSE = 1.0
_FINE_DTYPES = frozenset({"float32", "float64"})


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far logprobs may be apart in answers that are the same, in nats.

    Args:
        raw: of the raw logits.
        listed: of what `logprobs_of` names.
    """

    raw: float
    listed: float

    @classmethod
    def of(cls, answer: LocalAnswer, done: Completion) -> Tolerance:
        """As much as rounding can explain, with room to spare, so that what is beyond it was not computed here.

        The demo model's answers, made in 16 slots and again alone, are at most 3e-5 nats apart in float32 and 0.27 in
        bfloat16 (300 answers each). With room for deeper models and for other devices that is 1e-3 and 1. The latter
        is also about eight units in the last place of a logit of 30 in bfloat16, which is as far as the check at load
        lets a loop be from `generate`. float16 and quantized weights count as bfloat16 does. Scores are logits divided
        by the temperature, and so are their errors.
        """
        now = done.runtime or {}
        fine = {answer.runtime.dtype, now.get("dtype")} <= _FINE_DTYPES
        base = _FINE if fine and not (answer.runtime.quantization or now.get("quantization")) else _COARSE
        # A temperature of 0 means greedy: nothing is divided.
        temperature = answer.sampling_params.temperature or 1.0
        return cls(base, base if answer.logprobs_of == "logits" else base * max(1.0, 1.0 / temperature))


@dataclass(frozen=True, slots=True)
class Off:
    """The logprob that is farthest beyond its tolerance: the position, from 0, and by how many nats it is off."""

    position: int
    by: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """How far two answers' logprobs are apart, in nats.

    Args:
        deltas: of every token that both have a logprob of, by position; raw ones are not among them.
        off: None where all are within their tolerance.
    """

    deltas: tuple[float, ...]
    off: Off | None


def measure(recorded: Sequence[Position], replayed: Sequence[TokenLogprob], tolerance: Tolerance) -> Gaps:
    """The gaps at every position that both sequences have; their tokens are the same up to there."""
    deltas: list[float] = []
    beyond: list[Off] = []
    for place, (then, now) in enumerate(zip(recorded, replayed, strict=False)):
        known_then, known_now = _known(then), _known(now)
        deltas += [abs(known_then[token] - known_now[token]) for token in known_then.keys() & known_now.keys()]
        raw = _apart(then.raw_logprob, now.raw_logprob)
        listed = max(_apart(then.logprob, now.logprob), *_lists_apart(then, now))
        beyond += [Off(place, by) for by, most in ((raw, tolerance.raw), (listed, tolerance.listed)) if by > most]
    return Gaps(tuple(deltas), max(beyond, key=lambda off: off.by, default=None))


def _lists_apart(then: Position, now: TokenLogprob) -> Iterator[float]:
    top_then, top_now = _top(then), _top(now)
    yield from (abs(top_then[token] - top_now[token]) for token in top_then.keys() & top_now.keys())
    yield _above(top_then, top_now, _known(now))
    yield _above(top_now, top_then, _known(then))


def _above(one: Mapping[int, float], other: Mapping[int, float], known: Mapping[int, float]) -> float:
    """By how much what only `one` lists exceeds what it is, or can be at most, in the answer that lists `other`."""
    least = min(other.values(), default=0.0)
    return max((value - known.get(token, least) for token, value in one.items() if token not in other), default=0.0)


def _apart(then: float | None, now: float | None) -> float:
    return 0.0 if then is None or now is None else abs(then - now)


def _top(position: Position | TokenLogprob) -> dict[int, float]:
    return dict(zip(position.top_token_ids or (), position.top_logprobs, strict=False))


def _known(position: Position | TokenLogprob) -> dict[int, float]:
    known = _top(position)
    if position.token_id is not None and position.logprob is not None:
        known[position.token_id] = position.logprob
    return known
