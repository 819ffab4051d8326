"""What is drawn for people to label."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.annotate.drawing import Flags, draw
from harness.errors import UsageError

STRATA = {f"item {n:03}": ("v0\ta" if n % 4 else "v1\tb", n % 2 == 0) for n in range(200)}


def test_training_shared_and_split_are_apart_and_of_the_sizes_asked_for():
    drawn = draw(STRATA, Flags(sample=60, overlap=0.3, train=20))

    assert (len(drawn.training), len(drawn.shared), len(drawn.split)) == (20, 18, 42)
    assert len({*drawn.training, *drawn.shared, *drawn.split}) == 80


def test_without_a_sample_everything_that_is_not_for_training_is_labelled():
    drawn = draw(STRATA, Flags(train=20, overlap=0.5))

    assert {*drawn.training, *drawn.shared, *drawn.split} == set(STRATA)
    assert len(drawn.shared) == len(drawn.split) == 90


def test_a_draw_depends_on_the_seed_and_not_on_the_order_of_the_journal():
    flags = Flags(sample=30, stratify=True, train=5)
    backwards = dict(reversed(STRATA.items()))

    assert draw(backwards, flags) == draw(STRATA, flags)
    assert draw(STRATA, Flags(sample=30, stratify=True, train=5, seed=1)) != draw(STRATA, flags)


def test_a_stratified_sample_and_its_shared_part_have_every_stratum_in_its_proportion():
    drawn = draw(STRATA, Flags(sample=40, stratify=True, overlap=0.5))

    counts = Counter(STRATA[item] for item in (*drawn.shared, *drawn.split))
    shared = Counter(STRATA[item] for item in drawn.shared)
    assert counts == {("v0\ta", False): 20, ("v0\ta", True): 10, ("v1\tb", True): 10}
    assert shared == {("v0\ta", False): 10, ("v0\ta", True): 5, ("v1\tb", True): 5}


def test_a_simple_sample_is_not_stratified():
    counts = Counter(STRATA[item] for item in draw(STRATA, Flags(sample=40, overlap=0)).split)

    assert counts != {("v0\ta", False): 20, ("v0\ta", True): 10, ("v1\tb", True): 10}


@pytest.mark.parametrize(("overlap", "shared"), [(0.0, 0), (1.0, 40)])
def test_an_overlap_of_nothing_or_all(overlap, shared):
    assert len(draw(STRATA, Flags(sample=40, overlap=overlap)).shared) == shared


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"sample": 0}, "--sample 0"),
        ({"overlap": 1.5}, r"--overlap 1\.5: give a share between 0 and 1"),
        ({"overlap": float("nan")}, "--overlap nan"),
        ({"train": -1}, "--train -1"),
    ],
)
def test_numbers_out_of_range_are_refused(facts, problem):
    with pytest.raises(UsageError, match=problem):
        Flags(**facts)


@pytest.mark.parametrize("flags", [Flags(sample=190, train=20), Flags(train=200)])
def test_more_than_there_is_is_refused(flags):
    with pytest.raises(UsageError, match="There are 200 answers"):
        draw(STRATA, flags)
