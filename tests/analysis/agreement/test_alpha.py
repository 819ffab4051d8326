from __future__ import annotations

from itertools import permutations

import krippendorff
import numpy as np
import pytest

from harness.analysis.agreement.alpha import krippendorff_alpha, masi_distance

# Krippendorff 2011, section C: four observers, twelve units, missing data.
PUBLISHED = [
    ["1", "2", "3", "3", "2", "1", "4", "1", "2", "*", "*", "*"],
    ["1", "2", "3", "3", "2", "2", "4", "1", "2", "5", "*", "3"],
    ["*", "3", "3", "3", "2", "3", "4", "2", "2", "5", "1", "*"],
    ["1", "2", "3", "3", "2", "4", "4", "1", "2", "5", "1", "*"],
]


@pytest.fixture
def published(ratings):
    rows = [[None if value == "*" else value for value in row] for row in PUBLISHED]
    return lambda scale: ratings(*rows, scale=scale)


@pytest.mark.parametrize(("scale", "value"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_the_published_example(published, scale, value):
    measure = krippendorff_alpha(published(scale))
    assert round(measure.value, 3) == value
    assert round(measure.of_sums(measure.columns.sum(axis=0, keepdims=True))[0], 3) == value


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_it_is_what_the_package_says_of_the_labels_of_drawn_items(random_ratings, seed, scale):
    table = random_ratings(seed, coders=2 + seed % 3, values="abcd", scale=scale, missing=0.3)
    compared = table.compared
    measure = krippendorff_alpha(table)

    def oracle(rows):
        data = np.where(compared.codes[rows] < 0, np.nan, compared.codes[rows]).T
        return krippendorff.alpha(data, value_domain=range(4), level_of_measurement=scale)

    everything = np.arange(len(compared.codes))
    assert measure.value == pytest.approx(oracle(everything))
    for rows in (everything, np.random.default_rng(seed).integers(len(everything), size=20)):
        assert measure.of_sums(measure.columns[rows].sum(axis=0, keepdims=True))[0] == pytest.approx(oracle(rows))


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("a", "a", 0.0),
        ("ab", "a", 1 - 1 / 2 * 2 / 3),
        ("ab", "abcd", 1 - 1 / 2 * 2 / 3),
        ("ab", "bc", 1 - 1 / 3 * 1 / 3),
        ("abc", "bcd", 1 - 1 / 2 * 1 / 3),
        ("a", "b", 1.0),
        ("", "", 0.0),
        ("", "a", 1.0),
    ],
)
def test_masi_weighs_what_is_common_by_how_sets_lie(one, other, distance):
    assert masi_distance(frozenset(one), frozenset(other)) == pytest.approx(distance)
    assert masi_distance(frozenset(other), frozenset(one)) == pytest.approx(distance)


def sets(text):
    return [None if word == "*" else frozenset(word) for word in text.split()]


def test_alpha_of_sets_by_hand(ratings):
    """Disagreement 0, 2/3 and 8/9 observed, a mean of 14/27; by chance 79/135."""
    measure = krippendorff_alpha(ratings(sets("a a ab"), sets("a ab bc"), scale="sets"))
    assert measure.value == pytest.approx(9 / 79)
    assert measure.of_sums(measure.columns.sum(axis=0, keepdims=True))[0] == pytest.approx(9 / 79)


def by_definition(rows, distance):
    """Every pair of labels of an item against every pair of labels, one by one."""
    units = [[value for value in unit if value is not None] for unit in zip(*rows, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    labels = [value for unit in units for value in unit]
    observed = sum(distance(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)) / len(labels)
    expected = sum(distance(a, b) for a, b in permutations(labels, 2)) / (len(labels) * (len(labels) - 1))
    return 1 - observed / expected


@pytest.mark.parametrize("seed", range(4))
def test_alpha_of_sets_of_several_coders_is_its_definition(ratings, seed):
    rng = np.random.default_rng(seed)
    rows = [
        [
            None if rng.random() < 0.2 else frozenset("abcd"[i] for i in range(4) if rng.random() < 0.5)
            for _ in range(12)
        ]
        for _ in range(3)
    ]
    measure = krippendorff_alpha(ratings(*rows, scale="sets"))
    assert measure.value == pytest.approx(by_definition(rows, masi_distance))
    assert measure.of_sums(measure.columns.sum(axis=0, keepdims=True))[0] == pytest.approx(measure.value)


def test_sets_of_one_are_nominal(random_ratings, ratings):
    table = random_ratings(2, coders=3)
    rows = [[frozenset(table.values[code]) for code in column] for column in table.codes.T]
    assert krippendorff_alpha(ratings(*rows, scale="sets")).value == pytest.approx(krippendorff_alpha(table).value)


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_perfect_agreement_on_two_values_is_one(ratings, scale):
    assert krippendorff_alpha(ratings("aab", "aab", scale=scale)).value == 1.0


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_the_order_of_coders_does_not_matter(random_ratings, ratings, scale):
    table = random_ratings(4, coders=3)
    rows = [[table.values[code] for code in column] for column in table.codes.T]
    values = {krippendorff_alpha(ratings(*order, scale=scale)).value for order in permutations(rows)}
    assert max(values) - min(values) < 1e-12


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "sets"])
def test_one_value_only_is_undefined_and_not_one(ratings, scale):
    value = frozenset("xy") if scale == "sets" else "b"
    told = krippendorff_alpha(ratings([value] * 3, [value] * 3, values=[value], scale=scale))
    assert told == f"undefined, since every label is {'{x, y}' if scale == 'sets' else 'b'}"


@pytest.mark.parametrize("scale", ["nominal", "ordinal"])
def test_a_sample_with_one_value_only_is_undefined(ratings, scale):
    measure = krippendorff_alpha(ratings("aab", "aab", scale=scale))
    assert np.isnan(measure.of_sums(measure.columns[[0, 1]].sum(axis=0, keepdims=True))[0])


def test_a_value_that_one_coder_gave_alone_does_not_make_two(ratings):
    table = ratings(["a", "a", "b"], ["a", "a", None])
    assert krippendorff_alpha(table) == "undefined, since every label is a"


def test_without_a_second_coder_it_is_undefined(ratings):
    assert krippendorff_alpha(ratings("ab", [None, None])) == "only coder0 labelled it"
