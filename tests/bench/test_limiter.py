from __future__ import annotations

import pytest

from tests.bench.limiter import fullest_window, share_used


@pytest.mark.parametrize(
    ("times", "most"),
    [
        ([], 0),
        ([5.0], 1),
        ([0.0, 59.999], 2),
        ([0.0, 60.0], 1),
        ([0.0, 30.0, 59.0, 61.0, 62.0, 200.0], 4),
    ],
)
def test_the_fullest_minute_holds_its_beginning_and_not_its_end(times, most):
    assert fullest_window(times, 60.0) == most


def test_an_even_pace_at_the_cap_uses_all_of_it():
    assert share_used([number * 0.1 for number in range(1300)], 600) == pytest.approx(1.0)


def test_where_in_its_minute_a_burst_falls_makes_no_difference():
    """Ten at once and then the pace, in periods of 60.5 s, as the cap's guard lets them out."""
    period = [0.0] * 10 + [number * 0.1 for number in range(1, 591)]
    times = [start * 60.5 + offset for start in range(3) for offset in period]
    assert share_used(times[:1300], 600) == pytest.approx(60.0 / 60.5)
    assert share_used(times[137:1437], 600) == pytest.approx(60.0 / 60.5)
