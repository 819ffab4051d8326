"""Tokens per CPU-second of local models: the harness's slots against single prompts, static batches, bare forwards.

All sides generate on one thread and take turns. In each round the harness answers the whole workload, from the first
prompt's text to the last completion, the end with its empty slots included. Single prompts and static batches are as
fast whatever there is to do, so of those a part is answered, with the whole's spread of lengths. A static batch ends
with its longest answer, as in life; only the tokens that were asked for count.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.local_models import MILLION, MILLIONS_27, MILLIONS_100
from tests.bench.local_sides import SLOTS, Harness, Library, one_thread
from tests.bench.local_work import TEMPERATURES, Item, batches, mean_context, sample, tokens, useful_share, workload
from tests.bench.measure import Row, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.local_models import Shape

FORWARD_STEPS = 48


@dataclass(frozen=True, slots=True)
class Contest:
    """What is measured of one model, and what is to be reached.

    Args:
        answers: of the whole workload.
        singles: how many of them are answered one at a time, in each round.
        batches: how many static batches there are in each round, 0 where that is not measured.
        over_single: times as many tokens per CPU-second as one prompt at a time.
        over_static: as static batches.
        of_forward: as a share of the rate of bare forward passes.
    """

    shape: Shape
    answers: int
    rounds: int
    singles: int
    over_single: float
    batches: int = 0
    over_static: float | None = None
    of_forward: float | None = None


CONTESTS = (
    Contest(MILLION, answers=256, rounds=3, singles=16, over_single=5.0, batches=2, over_static=2.2, of_forward=0.75),
    Contest(MILLIONS_27, answers=128, rounds=2, singles=6, over_single=3.5, batches=2, over_static=2.2, of_forward=0.6),
    Contest(MILLIONS_100, answers=64, rounds=1, singles=6, over_single=2.5),
)


def rows() -> Iterator[Row]:
    """Up to three rows for each size of model."""
    with one_thread():
        for contest in CONTESTS:
            yield from _rows(contest)


def _rows(contest: Contest) -> Iterator[Row]:
    items = workload(contest.answers)
    library, harness = Library(contest.shape), Harness(contest.shape)
    short = [Item(20, 4, temperature, 0) for temperature in TEMPERATURES]
    library.one_by_one(short)
    harness.answer(short)
    parts = static_parts(items, contest.rounds * contest.batches)

    def ours(_: int) -> float:
        return _rate(items, lambda: harness.answer(items))

    def single(number: int) -> float:
        part = sample(items, contest.singles, number, contest.rounds)
        return _rate(part, lambda: library.one_by_one(part))

    def static(number: int) -> float:
        mine = parts[number * contest.batches : (number + 1) * contest.batches]
        return _rate([item for part in mine for item in part], lambda: [library.static(part) for part in mine])

    def forward(_: int) -> float:
        return library.forward_rate(SLOTS, mean_context(items), FORWARD_STEPS)

    sides = {"ours": ours, "single": single}
    sides |= {"static": static} if contest.over_static is not None else {}
    sides |= {"forward": forward} if contest.of_forward is not None else {}
    rates = in_turn(contest.rounds, sides)
    harness.close()
    what = f"local, {contest.shape.title} parameters, {SLOTS} slots, tokens per CPU-second, against "
    yield _ratio(what + "one prompt at a time with output_scores", rates["single"], rates["ours"], contest.over_single)
    if contest.over_static is not None:
        against = f"static batches of {SLOTS} in random order ({useful_share(parts):.0%} of their rows useful)"
        yield _ratio(what + against, rates["static"], rates["ours"], contest.over_static)
    if contest.of_forward is not None:
        yield _share(f"{what}bare forward passes of {SLOTS} rows", rates["forward"], rates["ours"], contest.of_forward)


def static_parts(items: Sequence[Item], count: int) -> list[tuple[Item, ...]]:
    """`count` static batches of `items` in random order."""
    return batches(random.Random(0).sample(items, len(items)), SLOTS)[:count]


def in_turn(rounds: int, sides: dict[str, Callable[[int], float]]) -> dict[str, list[float]]:
    """What each side measured, round by round; another one begins each round."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(sides[name](number))
    return measured


def _rate(items: Sequence[Item], work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return tokens(items) / (time.process_time() - before)


def _ratio(what: str, bare: Sequence[float], ours: Sequence[float], target: float) -> Row:
    times = [our / floor for our, floor in zip(ours, bare, strict=True)]
    return Row(
        what,
        median_of(bare, "/s", 0),
        median_of(ours, "/s", 0),
        median_of(times, "x"),
        judged(f">= {target:g} x", reached=statistics.median(times) >= target),
    )


def _share(what: str, bare: Sequence[float], ours: Sequence[float], target: float) -> Row:
    shares = [our / floor for our, floor in zip(ours, bare, strict=True)]
    return Row(
        what,
        median_of(bare, "/s", 0),
        median_of(ours, "/s", 0),
        median_of([100 * share for share in shares], "%", 0),
        judged(f">= {target:.0%}", reached=statistics.median(shares) >= target),
    )
