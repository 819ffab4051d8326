from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.bootstrap import clustered


def mean_of(values):
    values = np.asarray(values, dtype=float)
    return lambda rows: values[rows].mean()


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide():
    values = np.random.default_rng(1).normal(size=400)
    interval = clustered(range(400), mean_of(values), replicates=2000)
    assert interval.low < values.mean() < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_answers_to_one_prompt_count_as_one():
    values = np.repeat(np.random.default_rng(1).normal(size=100), 10)
    alone = clustered(range(1000), mean_of(values))
    together = clustered(np.repeat(np.arange(100), 10).tolist(), mean_of(values))
    assert together.high - together.low == pytest.approx(np.sqrt(10) * (alone.high - alone.low), rel=0.2)


def test_the_same_seed_draws_the_same():
    values = np.random.default_rng(1).normal(size=30)
    assert clustered(range(30), mean_of(values), seed=3) == clustered(range(30), mean_of(values), seed=3)
    assert clustered(range(30), mean_of(values), seed=3) != clustered(range(30), mean_of(values), seed=4)


def test_one_cluster_has_no_interval():
    assert clustered(["a", "a", "a"], mean_of([1, 2, 3])) is None


def test_a_statistic_that_is_mostly_undefined_has_no_interval():
    assert clustered("abcd", lambda rows: 1.0 if len(set(rows.tolist())) == 4 else None) is None


def test_undefined_samples_are_left_out_and_counted():
    interval = clustered(
        "abcd", lambda rows: None if set(rows.tolist()) == {0} else float(rows.mean()), replicates=4000
    )
    assert 3900 < interval.replicates < 4000


def test_a_cluster_comes_whole():
    drawn = []
    clustered(["a", "a", "b"], lambda rows: drawn.append(sorted(rows.tolist())) or 0.0, replicates=200)
    assert {tuple(rows) for rows in drawn} == {(0, 0, 1, 1), (0, 1, 2), (2, 2)}
