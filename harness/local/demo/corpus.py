"""Writes the demonstration model's training text: seeded conversations about defensive security in general.

Everything is composed from sentences the project wrote itself (`topics.json`, `phrases.py`). It knows nothing about the
benchmark: no identifier of a real weakness, no name of a product, of an author or of malicious software.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from harness.local.demo import phrases

TRAINING_SEED: Final = 20_240_229
TRAINING_CONVERSATIONS: Final = 12_000

Turn = dict[str, str]
"""`{"role": …, "content": …}`, as chat templates take it."""


Topic = dict[str, list[str]]
"""One notion of `topics.json`: its `names`, and sentences under `what`, `why`, `how`, `avoid` and `check`."""

Answer = Callable[[Random, Topic], str]
"""Composes an answer on a topic, with its blanks still open."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of exchange: how it may be asked, how it is answered at length or in a sentence, how often it comes."""

    questions: Sequence[str]
    answer: Answer
    brief: Answer
    weight: float


def load_topics() -> list[Topic]:
    topics: list[Topic] = json.loads(Path(__file__).with_name("topics.json").read_text(encoding="utf-8"))
    return topics


def conversations(seed: int, count: int) -> Iterator[list[Turn]]:
    """Yield `count` conversations. The same seed gives the same text, and a short run begins a longer one."""
    rng = Random(seed)  # noqa: S311 -- variety, not secrecy
    topics = load_topics()
    for _ in range(count):
        yield _conversation(rng, rng.choice(topics))


def training_conversations() -> Iterator[list[Turn]]:
    """The text that the shipped checkpoint was trained on, all of it."""
    return conversations(TRAINING_SEED, TRAINING_CONVERSATIONS)


def _conversation(rng: Random, topic: Topic) -> list[Turn]:
    blanks = _blanks(rng, topic)
    turns: list[Turn] = []

    def say(role: str, text: str) -> None:
        turns.append({"role": role, "content": text.format_map(blanks)})

    if _chance(rng, 0.3):
        say("system", rng.choice(phrases.SYSTEM))
    for turn in range(rng.choices((1, 2, 3), weights=(80, 15, 5))[0]):
        kind = rng.choices(_KINDS, weights=_WEIGHTS)[0]
        question = [rng.choice(kind.questions)]
        if turn == 0:
            question[:0] = rng.sample(phrases.CONTEXT, rng.choices((0, 1, 2), weights=(60, 30, 10))[0])
        answer = kind.answer
        if _chance(rng, 0.12):
            question.append(rng.choice(phrases.BREVITY))
            answer = kind.brief
        say("user", " ".join(question))
        say("assistant", answer(rng, topic))
    return turns


def _blanks(rng: Random, topic: Topic) -> dict[str, str]:
    return {
        "topic": rng.choice(topic["names"]),
        "place": rng.choice(phrases.PLACES),
        "owner": rng.choice(phrases.OWNERS),
        "machines": rng.choice(phrases.MACHINES),
        "period": rng.choice(phrases.PERIODS),
        "name": "".join(rng.sample(phrases.SYLLABLES, 2)).capitalize(),
        "count": str(rng.randint(3, 99)),
        "ticket": f"{rng.choice(phrases.TICKET_LETTERS)}{rng.randint(1, 9)}-{rng.randint(10, 999)}",
    }


def _chance(rng: Random, share: float) -> bool:
    return rng.random() < share


def _some(rng: Random, sentences: Sequence[str], least: int, most: int) -> list[str]:
    return rng.sample(sentences, rng.randint(least, min(most, len(sentences))))


def _one(part: str) -> Answer:
    return lambda rng, topic: rng.choice(topic[part])


def _prose(*parts: tuple[str, int, int]) -> Answer:
    """Take at least and at most so many sentences from each named part of a topic; frame some of the answers."""

    def answer(rng: Random, topic: Topic) -> str:
        sentences = [sentence for part, least, most in parts for sentence in _some(rng, topic[part], least, most)]
        if _chance(rng, 0.25):
            sentences.insert(0, rng.choice(phrases.OPENING))
        if _chance(rng, 0.35):
            sentences.append(rng.choice(phrases.CLOSING))
        return " ".join(sentences)

    return answer


def _steps(rng: Random, topic: Topic) -> str:
    steps = enumerate(_some(rng, topic["how"], 3, 5), start=1)
    return "\n".join([rng.choice(phrases.STEPS_OPENING), *(f"{number}. {step}" for number, step in steps)])


def _doubt(rng: Random, topic: Topic) -> str:  # noqa: ARG001 -- an Answer that has nothing to say on the topic
    return rng.choice(phrases.UNSURE)


def _unknown(rng: Random, topic: Topic) -> str:
    return " ".join([_doubt(rng, topic), *_some(rng, phrases.HONESTY, 0, 2), *_some(rng, phrases.SOURCE, 1, 2)])


def _unknown_about(rng: Random, topic: Topic) -> str:
    doubt = [_doubt(rng, topic), *_some(rng, phrases.HONESTY, 0, 1), rng.choice(phrases.IN_GENERAL)]
    advice = [*_some(rng, topic["what"], 0, 1), *_some(rng, topic["why"], 0, 1), *_some(rng, topic["how"], 1, 3)]
    return " ".join([*doubt, *advice, *_some(rng, phrases.SOURCE, 0, 1)])


_KINDS: Final = (
    Kind(phrases.ASK_WHAT, _prose(("what", 1, 2), ("why", 0, 2), ("how", 0, 1)), _one("what"), 1.5),
    Kind(phrases.ASK_WHY, _prose(("what", 0, 1), ("why", 1, 2), ("how", 0, 1)), _one("why"), 1.0),
    Kind(phrases.ASK_HOW, _prose(("how", 2, 4), ("avoid", 0, 1), ("check", 0, 1)), _one("how"), 2.0),
    Kind(phrases.ASK_STEPS, _steps, _one("how"), 1.2),
    Kind(phrases.ASK_AVOID, _prose(("avoid", 1, 2), ("how", 0, 2)), _one("avoid"), 0.7),
    Kind(phrases.ASK_CHECK, _prose(("check", 1, 2), ("avoid", 0, 1)), _one("check"), 0.7),
    Kind(
        phrases.ASK_ALL,
        _prose(("what", 1, 1), ("why", 1, 2), ("how", 2, 3), ("avoid", 0, 1), ("check", 1, 1)),
        _one("what"),
        1.5,
    ),
    Kind(phrases.ASK_UNKNOWN, _unknown, _doubt, 1.0),
    Kind(phrases.ASK_UNKNOWN_ABOUT, _unknown_about, _doubt, 2.0),
)
_WEIGHTS: Final = [kind.weight for kind in _KINDS]
