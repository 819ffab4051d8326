from __future__ import annotations

from harness.local.status import TokenRate


def test_a_rate_is_shown_from_the_first_step_on():
    now = [0.0]
    rate = TokenRate(lambda: now[0])

    now[0] = 0.1
    rate.add(16)

    assert rate.value == 160.0


def test_a_rate_forgets_what_is_older_than_its_window():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    for _ in range(10):
        now[0] += 0.1
        rate.add(1000)
    for _ in range(21):
        now[0] += 0.1
        rate.add(1)

    assert abs(rate.value - 10.0) < 0.5


def test_a_reset_begins_at_nothing():
    now = [0.0]
    rate = TokenRate(lambda: now[0])
    now[0] = 1.0
    rate.add(5)

    rate.reset()

    assert rate.value == 0.0
