"""The text of a simulated answer, a function of what was asked; knows nothing about wire formats or HTTP.

Guarantees:

- The prompt's text alone decides whether it is refused and whether its answer is a long one.
- At temperature 0 the same model and prompt always get the same text; at any other temperature the same seed does.
- A token limit or a stop string only ever cuts: what is left is a prefix of the text without them.
- Token counts are those of `split`, for what goes in and what comes out.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKEN = re.compile(r" ?\w{1,7}| ?[^\w\s]|\s")


def split(text: str) -> list[str]:
    """The tokens of a text; joined they give it back. About 1.3 per English word, like a real tokenizer's."""
    return _TOKEN.findall(text)


SENTENCES = (
    "The finding should be confirmed against the vendor's advisory before anybody acts on it.",
    "Affected systems are best inventoried first, so that the fix reaches each of them.",
    "Upgrading to a release in which the flaw is fixed is the recommended remedy.",
    "Until then, access to the service can be limited to trusted networks.",
    "Logs of the preceding weeks should be kept and searched for signs of misuse.",
    "The severity depends on whether the component is reachable from outside.",
    "Credentials that may have been exposed ought to be rotated.",
    "Least privilege keeps the consequences of a compromise small.",
    "Multi-factor authentication closes the most common way in.",
    "I could not find a record of this identifier and would not rely on it.",
    "Public reports describe the behaviour only in part, so some caution is in order.",
    "A configuration baseline, checked automatically, prevents the setting from drifting back.",
    "Backups that are kept offline and restored in rehearsals limit the damage of ransomware.",
    "The report should state the scope, the evidence, the impact and the remedy.",
    "Input must be validated on the server, whatever the client promises.",
    "Encryption in transit protects the session only if certificates are verified.",
    "Segmentation stops an intruder from moving sideways through the network.",
    "Detection rules are worth testing against harmless samples of the behaviour.",
    "Each exception to the policy needs an owner and a date on which it ends.",
    "The assessment rests on incomplete information and may change.",
    "Unused services and default accounts should be removed.",
    "A patch window of a few days is reasonable for internal systems.",
    "Responsible disclosure gives the maintainers time to prepare a fix.",
    "Monitoring outbound connections reveals what inbound filtering has missed.",
)
_SENTENCE_TOKENS = tuple(tuple(split(" " + sentence)) for sentence in SENTENCES)

# Longer than any usual token limit: such an answer is cut, and ends by itself where there is no limit.
_LONG_ANSWER_SENTENCES = 400


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, whatever its wire format.

    Args:
        model: the model's name, as the request gives it.
        turns: (role, text) in order, the system prompt first; roles are ``system``, ``user``, ``assistant``.
        temperature: 1.0 where the request has none, as with all three providers.
        top_p: nucleus sampling, or None where the request has none.
        top_k: likewise.
        seed: of sampling, or None where the request has none or its format knows none.
        max_tokens: the most tokens to answer with, or None for no limit.
        stop: strings at which the answer ends; they are not part of it.
        top_logprobs: how many alternatives to give for each token, or None where no logprobs are wanted.
    """

    model: str
    turns: tuple[tuple[str, str], ...]
    temperature: float = 1.0
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None

    @property
    def last_user_turn(self) -> str:
        return next((text for role, text in reversed(self.turns) if role == "user"), "")

    def count_input(self) -> int:
        """Tokens of all turns together."""
        return sum(len(split(text)) for _, text in self.turns)


class Ending(enum.Enum):
    """Why an answer ended: `REFUSAL` is the provider's filter, `DECLINED` the model's own words."""

    STOP = enum.auto()
    LENGTH = enum.auto()
    STOP_STRING = enum.auto()
    REFUSAL = enum.auto()
    DECLINED = enum.auto()
    PROMPT_BLOCKED = enum.auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """A simulated answer.

    Args:
        tokens: what was generated; joined they are the text.
        input_tokens: tokens of all turns together.
        ending: why it ended.
        stop_string: the one that ended it, or None.
        draw: a 64-bit number of this answer's own, from which its logprobs are drawn.
        thinking_tokens: generated before the answer, and not shown.
    """

    tokens: tuple[str, ...]
    input_tokens: int
    ending: Ending
    stop_string: str | None
    draw: int
    thinking_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def visible_tokens(self) -> int:
        return len(self.tokens)

    @property
    def output_tokens(self) -> int:
        """All that was generated, thinking included."""
        return len(self.tokens) + self.thinking_tokens


def answer(question: Question, *, input_tokens: int, refusal_share: float, long_share: float, nonce: int) -> Answer:
    """The answer to a question.

    Args:
        question: what is asked.
        input_tokens: as `Question.count_input` counts them.
        refusal_share: share of the prompts that are refused, 0 to 1.
        long_share: share of the prompts whose answer runs into any usual token limit, 0 to 1.
        nonce: takes the seed's place where the temperature is not 0 and the question has none.
    """
    prompt = blake2b(orjson.dumps(question.turns), digest_size=16).digest()
    draw = _draw(question, prompt, nonce)
    refused = _share(prompt[:8]) < refusal_share
    if refused:
        tokens = split(f'Simulated answer: I cannot help with the request "{_quote(question, prompt)}".')
    else:
        rng = Random(draw)  # noqa: S311 - text, not secrets
        tokens = _compose(question, prompt, rng, long=_share(prompt[8:]) < long_share)
    tokens, ending, stop_string = _cut(tokens, question)
    return Answer(
        tokens=tuple(tokens),
        input_tokens=input_tokens,
        ending=Ending.REFUSAL if refused else ending,
        stop_string=None if refused else stop_string,
        draw=draw,
    )


def _draw(question: Question, prompt: bytes, nonce: int) -> int:
    greedy = question.temperature == 0
    sampling = (
        ()
        if greedy
        else (
            question.temperature,
            question.top_p,
            question.top_k,
            ("nonce", nonce) if question.seed is None else ("seed", question.seed),
        )
    )
    digest = blake2b(prompt + orjson.dumps((question.model, sampling)), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def _share(digest: bytes) -> float:
    return int.from_bytes(digest, "big") / float(2 ** (8 * len(digest)))


def _quote(question: Question, prompt: bytes) -> str:
    """A few words of the last turn in which the user speaks."""
    words = [word[:24] for word in question.last_user_turn.split(maxsplit=60)[:60]]
    first = prompt[0] % max(1, len(words) - 3)
    return " ".join(words[first : first + 4]).strip("\"'.,;:?!()")


def _compose(question: Question, prompt: bytes, rng: Random, *, long: bool) -> list[str]:
    tokens = split(f'Simulated answer: this reply concerns "{_quote(question, prompt)}".')
    sentences = _LONG_ANSWER_SENTENCES if long else rng.randint(1, 4)
    enough = question.max_tokens
    for sentence in _shuffled(rng, sentences):
        tokens.extend(sentence)
        if enough is not None and len(tokens) > enough:
            break
    return tokens


def _shuffled(rng: Random, count: int) -> Iterator[Sequence[str]]:
    rounds, rest = divmod(count, len(_SENTENCE_TOKENS))
    sizes = chain((len(_SENTENCE_TOKENS) for _ in range(rounds)), (rest,))
    return chain.from_iterable(rng.sample(_SENTENCE_TOKENS, size) for size in sizes)


def _cut(tokens: list[str], question: Question) -> tuple[list[str], Ending, str | None]:
    ending = Ending.STOP
    if question.max_tokens is not None and len(tokens) > question.max_tokens:
        tokens, ending = tokens[: question.max_tokens], Ending.LENGTH
    if question.stop:
        text = "".join(tokens)
        found = [(text.find(stop), stop) for stop in question.stop if stop in text]
        if found:
            end, stop = min(found)
            return _first_characters(tokens, end), Ending.STOP_STRING, stop
    return tokens, ending, None


def _first_characters(tokens: list[str], count: int) -> list[str]:
    kept = []
    for token in tokens:
        if count <= 0:
            break
        kept.append(token[:count])
        count -= len(token)
    return kept
