from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.bootstrap import clustered, clustered_sums


def ratio(sums):
    return sums[:, :1] / sums[:, 1:]


@pytest.mark.parametrize("replicates", [150, 1000])
def test_sums_give_the_intervals_that_rows_give(replicates):
    rng = np.random.default_rng(5)
    columns = rng.random((60, 2)) + 0.5
    clusters = rng.integers(13, size=60).tolist()
    [fast] = clustered_sums(clusters, columns, ratio, replicates=replicates, seed=9)
    slow = clustered(
        clusters,
        lambda rows: columns[rows, 0].sum() / columns[rows, 1].sum(),
        replicates=replicates,
        seed=9,
    )
    assert (fast.low, fast.high, fast.replicates) == pytest.approx((slow.low, slow.high, slow.replicates))


def test_several_statistics_are_of_the_same_samples():
    columns = np.arange(8.0)[:, None]
    one, other = clustered_sums(range(8), columns, lambda sums: np.hstack([sums, -sums]))
    assert (one.low, one.high) == (-other.high, -other.low)


def test_one_cluster_has_no_interval_of_sums():
    assert clustered_sums("aaa", np.ones((3, 1)), lambda sums: np.hstack([sums, sums])) == (None, None)


def test_samples_without_a_finite_value_are_left_out():
    def defined_beside_b(sums):
        return np.divide(sums[:, :1], sums[:, 1:], out=np.full((len(sums), 1), np.nan), where=sums[:, 1:] > 0)

    columns = np.array([[1.0, 0.0], [1.0, 1.0]])
    [interval] = clustered_sums("ab", columns, defined_beside_b, replicates=4000)
    assert 2900 < interval.replicates < 3100
    assert (interval.low, interval.high) == (1.0, 2.0)
    assert clustered_sums("abcd", np.zeros((4, 2)), defined_beside_b) == (None,)
