from __future__ import annotations

import pytest

from harness.analysis.agreement.percent import percent_agreement


def test_two_coders_agree_where_they_say_the_same(ratings):
    assert percent_agreement(ratings("aabbb", "abbba")).value == pytest.approx(3 / 5)


def test_an_item_that_only_one_coder_labelled_does_not_count(ratings):
    assert percent_agreement(ratings(["a", "a", None], ["a", "b", "b"])).value == pytest.approx(1 / 2)


def test_of_three_coders_it_is_the_mean_share_of_pairs(ratings):
    # One pair of three agrees, then all three, then the only pair there is.
    assert percent_agreement(ratings("aaa", "aab", ["b", "a", None])).value == pytest.approx((1 / 3 + 1 + 0) / 3)


def test_sets_agree_where_they_are_the_same(ratings):
    one, both = frozenset("x"), frozenset("xy")
    assert percent_agreement(ratings([one, both], [one, one], scale="sets")).value == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([[None], [None]], "nobody labelled it"),
        (["ab", [None, None]], "only coder0 labelled it"),
        ([["a", None], [None, "a"]], "no item was labelled by two coders"),
    ],
)
def test_where_nothing_can_be_compared_the_reason_stands(ratings, rows, reason):
    assert percent_agreement(ratings(*rows, values=["a", "b"])) == reason


@pytest.mark.parametrize("seed", range(5))
def test_sums_over_items_give_the_value(random_ratings, seed):
    measure = percent_agreement(random_ratings(seed, coders=3, missing=0.3))
    assert measure.of_sums(measure.columns.sum(axis=0, keepdims=True))[0] == pytest.approx(measure.value)
