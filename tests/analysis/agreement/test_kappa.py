from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from harness.analysis.agreement.kappa import cohen_kappa


def test_the_textbook_example(ratings):
    """Fifty proposals, 20 and 15 alike, 5 and 10 apart: agreement 0.7, by chance 0.5."""
    table = {("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15}
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    assert cohen_kappa(ratings(*zip(*pairs, strict=True))).value == pytest.approx(0.4)


def test_quadratic_weights_forgive_what_is_near(ratings):
    near = ratings("abc" * 4, "abc" * 3 + "bbc", values=list("abc"), scale="ordinal")
    far = ratings("abc" * 4, "abc" * 3 + "cbc", values=list("abc"), scale="ordinal")
    assert cohen_kappa(near, quadratic=True).value > cohen_kappa(near).value
    assert cohen_kappa(near, quadratic=True).value > cohen_kappa(far, quadratic=True).value
    assert cohen_kappa(near).value == pytest.approx(cohen_kappa(far).value, abs=0.01)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("quadratic", [False, True])
def test_it_is_what_scikit_learn_says_of_the_labels_of_drawn_items(random_ratings, seed, quadratic):
    table = random_ratings(seed, values="abcd", scale="ordinal", missing=0.2)
    compared = table.compared
    measure = cohen_kappa(table, quadratic=quadratic)
    weights = "quadratic" if quadratic else None

    def oracle(rows):
        named = [[table.values[code] for code in column] for column in compared.codes[rows].T]
        return cohen_kappa_score(*named, labels=list(table.values), weights=weights)

    everything = np.arange(len(compared.codes))
    assert measure.value == pytest.approx(oracle(everything))
    for rows in (everything, np.random.default_rng(seed).integers(len(everything), size=25)):
        assert measure.of_sums(measure.columns[rows].sum(axis=0, keepdims=True))[0] == pytest.approx(oracle(rows))


@pytest.mark.parametrize("quadratic", [False, True])
def test_the_order_of_coders_does_not_matter(random_ratings, ratings, quadratic):
    table = random_ratings(3)
    one, other = ([table.values[code] for code in column] for column in table.codes.T)
    assert cohen_kappa(ratings(one, other), quadratic=quadratic).value == pytest.approx(
        cohen_kappa(ratings(other, one), quadratic=quadratic).value
    )


def test_perfect_agreement_on_two_values_is_one(ratings):
    assert cohen_kappa(ratings("aab", "aab")).value == 1.0


def test_one_value_only_is_undefined_and_not_one(ratings):
    assert cohen_kappa(ratings("aaa", "aaa", values=["a", "b"])) == "undefined, since every label is a"


def test_a_sample_with_one_value_only_is_undefined(ratings):
    measure = cohen_kappa(ratings("aab", "aab"))
    assert np.isnan(measure.of_sums(measure.columns[[0, 1]].sum(axis=0, keepdims=True))[0])


def test_three_coders_are_too_many(ratings):
    assert "of two coders, and here are 3" in cohen_kappa(ratings("ab", "ab", "ab"))


def test_a_third_coder_who_shares_no_item_does_not_matter(ratings):
    table = ratings(["a", "b", "a", None], ["a", "b", "b", None], [None, None, None, "a"])
    assert cohen_kappa(table).value == pytest.approx(cohen_kappa_score(list("aba"), list("abb")))


def test_without_a_second_coder_it_is_undefined(ratings):
    assert cohen_kappa(ratings("ab", [None, None])) == "only coder0 labelled it"
