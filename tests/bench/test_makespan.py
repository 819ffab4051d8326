from __future__ import annotations

import pytest

from tests.bench import makespan


def test_the_slowest_lane_of_the_full_pilot_is_a_pool_at_its_cap():
    """786 requests of one model: 10 at once, 776 at 50 a minute, and the last one's answer."""
    assert makespan.slowest_lane_s() == pytest.approx(776 * 1.2 + 2.0)


def test_the_full_pilot_takes_hardly_longer_than_its_slowest_lane_and_never_less():
    """Time is virtual, so this is a property of lanes and pools, not of the machine."""
    assert 1.0 <= makespan.makespan_s() / makespan.slowest_lane_s() <= makespan.TARGET
