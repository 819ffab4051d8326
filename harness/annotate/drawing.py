"""Which answers people label: a sample, the part of it that everybody shares, and items to train on. Knows no coder.

Items are ranked by a hash of purpose, seed and id, so that neither the journal's order nor answers that come later
change who precedes whom. Seats of strata are dealt as for prompts (Huntington and Hill, see `harness.prompts`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digests import digest16
from harness.errors import UsageError
from harness.prompts.selection import seats

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from harness.annotate.items import Stratum


@dataclass(frozen=True, slots=True)
class Flags:
    """What is asked of an assignment.

    Args:
        sample: how many answers are labelled; None: all that are not for training.
        stratify: whether variant x category x probe are drawn in proportion, in the sample and in its shared part.
        overlap: the share of the sample that every coder labels, 0 to 1; the rest is split between them.
        train: how many items, apart from the sample, everybody labels first.
        seed: of the draws and of every coder's order.

    Raises:
        UsageError: a number is out of range.
    """

    sample: int | None = None
    stratify: bool = False
    overlap: float = 0.3
    train: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sample is not None and self.sample < 1:
            raise UsageError(f"--sample {self.sample}: give how many answers are to be labelled, at least 1.")
        if not 0 <= self.overlap <= 1:
            raise UsageError(f"--overlap {self.overlap:g}: give a share between 0 and 1, such as 0.3.")
        if self.train < 0:
            raise UsageError(f"--train {self.train}: give how many items are for training, 0 or more.")


@dataclass(frozen=True, slots=True)
class Draw:
    """Item ids, each in one of the three."""

    training: tuple[str, ...]
    shared: tuple[str, ...]
    split: tuple[str, ...]


def draw(strata: Mapping[str, Stratum], flags: Flags) -> Draw:
    """Draw from items whose strata are given.

    Raises:
        UsageError: there are not enough items.
    """
    wanted = flags.train + (flags.sample or 1)
    if wanted > len(strata):
        raise UsageError(
            f"There are {len(strata)} answers, and --sample {flags.sample or 1} with --train {flags.train} needs "
            f"{wanted}. Ask for fewer, or annotate when the run has answered more."
        )
    training = _ranked(strata, "training", flags.seed)[: flags.train]
    left = {item: strata[item] for item in _ranked(strata.keys() - set(training), "sample", flags.seed)}
    sample = _some(left, len(left) if flags.sample is None else flags.sample, "sample", flags)
    shared = _some({item: strata[item] for item in sample}, round(flags.overlap * len(sample)), "shared", flags)
    taken = set(shared)
    return Draw(tuple(training), tuple(shared), tuple(item for item in sample if item not in taken))


def _some(strata: Mapping[str, Stratum], count: int, purpose: str, flags: Flags) -> list[str]:
    ranked = _ranked(strata, purpose, flags.seed)
    if not flags.stratify:
        return ranked[:count]
    sizes = Counter(strata.values())
    left = seats(dict(sorted(sizes.items(), key=repr)), count)
    chosen = []
    for item in ranked:
        if left[strata[item]]:
            left[strata[item]] -= 1
            chosen.append(item)
    return chosen


def _ranked(items: Collection[str], purpose: str, seed: int) -> list[str]:
    return sorted(items, key=lambda item: digest16("annotate", purpose, str(seed), item))
