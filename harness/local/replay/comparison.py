"""How an answer that was made again compares with the recorded one: tokens, text, its end, logprobs. Knows no model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from harness.local.replay.evidence import Off, Tolerance, measure
from harness.local.replay.recorded import NotComparable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.local.replay.recorded import LocalAnswer
    from harness.schema import Completion

_CONDITIONS = ("device", "dtype", "engine", "attention", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Token:
    """A token id, and the text it stands for where that is known."""

    id: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers to one request.

    Args:
        tokens: how many were compared: all up to the first that differs, and that one.
        position: of the first token that differs, from 0; None where none does.
        recorded: what stood there; None where the answer had ended.
        replayed: likewise, what stands there now.
        same_text: whether the two texts are equal.
        deltas: absolute differences in natural logarithms, of every token that both answers have a logprob of, at every
            position before the first that differs.
        changed: conditions that are not those of the record: name → (recorded, now).
        finish_reason: (recorded, now), why either ended; None where that is the same.
        off: the logprob before the first token that differs that is off by most, of those that are off by more than
            rounding explains; None where none is.
    """

    tokens: int
    position: int | None
    recorded: Token | None
    replayed: Token | None
    same_text: bool
    deltas: tuple[float, ...]
    changed: Mapping[str, tuple[Any, Any]]
    finish_reason: tuple[str, str] | None = None
    off: Off | None = None

    @property
    def same(self) -> bool:
        """Whether every token, the text and why it ended are the same, and the logprobs are but for rounding."""
        return self.position is None and self.same_text and self.finish_reason is None and self.off is None


def compare(answer: LocalAnswer, done: Completion) -> Comparison:
    """`answer`, as it was recorded, and `done`, which was given to the same request.

    Raises:
        NotComparable: the model was not shown the same prompt.
    """
    _refuse_other_prompt(answer, done)
    then, now = answer.output_token_ids, done.output_token_ids or ()
    pairs = enumerate(zip_longest(then, now))
    position = next((place for place, (recorded, replayed) in pairs if recorded != replayed), None)
    prefix = len(then) if position is None else position
    gaps = measure((answer.token_logprobs or ())[:prefix], done.token_logprobs or (), Tolerance.of(answer, done))
    reasons = (answer.finish_reason, str(done.finish_reason))
    return Comparison(
        tokens=len(then) if position is None else position + 1,
        position=position,
        recorded=None if position is None else _token(then, position, answer, done),
        replayed=None if position is None else _token(now, position, answer, done),
        same_text=done.text == answer.full_response,
        deltas=gaps.deltas,
        changed=_changed(answer, done),
        finish_reason=reasons if reasons[0] != reasons[1] else None,
        off=gaps.off,
    )


def _refuse_other_prompt(answer: LocalAnswer, done: Completion) -> None:
    then, now = answer.template, done.template or {}
    if then.hash != now.get("hash"):
        raise NotComparable("The model's chat template is not the one of the record.")
    if then.prompt_hash != now.get("prompt_hash"):
        raise NotComparable("The prompt of the record, in its template, does not have the hash that the record gives.")
    if answer.tokens_used.input != done.usage.input:
        raise NotComparable(
            f"The tokenizer is not the one of the record: of the prompt it makes {done.usage.input} tokens, not "
            f"{answer.tokens_used.input}."
        )


def _changed(answer: LocalAnswer, done: Completion) -> dict[str, tuple[Any, Any]]:
    then, now = answer.runtime.model_dump(), done.runtime or {}
    both = {name: (then[name], now.get(name)) for name in _CONDITIONS}
    return {name: (was, is_now) for name, (was, is_now) in both.items() if None not in {was, is_now} and was != is_now}


def _token(ids: Sequence[int], place: int, answer: LocalAnswer, done: Completion) -> Token | None:
    """What stands at `place`, spelt as either answer spells it there."""
    if place >= len(ids):
        return None
    spelt: dict[int, str] = {}
    for positions in (answer.token_logprobs or (), done.token_logprobs or ()):
        for position in positions[place : place + 1]:
            spelt |= zip(position.top_token_ids or (), position.top_tokens, strict=False)
            spelt |= {} if position.token_id is None else {position.token_id: position.token}
    return Token(ids[place], spelt.get(ids[place]))
