from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.rates import SlidingSum, percentile


def test_a_sum_forgets_what_is_older_than_its_span():
    window = SlidingSum(60.0, 60)
    window.add(0.5)
    window.add(30.0, 2.0)
    assert window.total(59.0) == 3.0
    assert window.total(61.0) == 2.0
    assert window.total(90.0) == 0.0


def test_a_sum_is_empty_after_a_silence_longer_than_its_span():
    window = SlidingSum(60.0, 60)
    window.add(5.0, 7.0)
    assert window.total(100_000.0) == 0.0
    window.add(100_000.5)
    assert window.total(100_001.0) == 1.0


def test_what_is_told_late_counts_for_its_own_time():
    window = SlidingSum(60.0, 60)
    assert window.total(1000.5) == 0.0
    for second in range(1001):
        window.add(second)
    assert window.total(1000.5) == 60.0
    assert window.total(1050.5) == 10.0


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60))
def test_a_sum_never_overstates_and_misses_at_most_its_oldest_bucket(gaps):
    window, moments, now = SlidingSum(60.0, 60), [], 1000.0
    for gap in gaps:
        now += gap
        moments.append(now)
        window.add(now)
    counted = window.total(now)
    assert counted <= sum(now - 60.0 < moment for moment in moments)
    assert counted >= sum(now - 59.0 < moment for moment in moments)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 10), (0.95, 19), (1.0, 20)])
def test_a_percentile_is_one_of_the_values_by_nearest_rank(share, expected):
    assert percentile(range(1, 21), share) == expected


def test_nothing_has_no_percentile():
    assert percentile([], 0.5) is None
