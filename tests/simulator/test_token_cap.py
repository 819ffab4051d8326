from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.cap import WINDOW_S
from harness.simulator.token_cap import TokenCap


def admit(cap, amount, now):
    wait = cap.look("caller", now, amount).retry_after_s
    if wait is None:
        cap.spend("caller", amount, now)
    return wait


@given(
    limit=st.integers(1, 100),
    steps=st.lists(st.tuples(st.floats(0, 30, allow_nan=False), st.integers(0, 40)), min_size=1, max_size=100),
)
def test_no_window_of_60_seconds_holds_more_than_the_limit(limit, steps):
    cap, now, admitted = TokenCap(limit), 0.0, []
    for gap, amount in steps:
        now += gap
        if admit(cap, amount, now) is None:
            admitted.append((now, amount))
    for start, _ in admitted:
        assert sum(amount for time, amount in admitted if start <= time < start + WINDOW_S) <= limit


@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 9, allow_nan=False), st.integers(1, 50)), max_size=20),
    amount=st.integers(1, 50),
)
def test_whoever_waits_as_told_is_admitted(limit, steps, amount):
    cap, now = TokenCap(limit), 0.0
    for gap, spent in steps:
        now += gap
        admit(cap, spent, now)
    wait = cap.look("caller", now, min(amount, limit)).retry_after_s
    if wait is not None:
        assert 1 <= wait <= 60
        # A hair later, for the rounding of sums.
        assert cap.look("caller", now + wait + 1e-5, min(amount, limit)).retry_after_s is None


def test_the_wait_is_no_longer_than_it_must_be():
    cap = TokenCap(100)
    for now in (0.0, 10.0, 20.0):
        cap.spend("caller", 30, now)
    assert cap.look("caller", 20.0, 10).retry_after_s is None
    assert cap.look("caller", 20.0, 40).retry_after_s == 40
    assert cap.look("caller", 20.0, 41).retry_after_s == 50


def test_more_than_the_limit_never_fits():
    cap = TokenCap(10)
    assert cap.look("caller", 0.0, 11).retry_after_s == 60
    assert cap.look("caller", 1_000.0, 11).retry_after_s == 60


def test_what_is_spent_beyond_the_limit_is_counted_and_waited_for():
    cap = TokenCap(10)
    cap.spend("caller", 25, 0.0)
    assert cap.look("caller", 1.0).remaining == 0
    assert cap.look("caller", 1.0, 1).retry_after_s == 59
    assert cap.look("caller", 60.0, 1).retry_after_s is None


def test_looking_counts_nothing():
    cap = TokenCap(10)
    for _ in range(5):
        cap.look("caller", 0.0, 10)
    assert cap.look("caller", 0.0).remaining == 10


def test_remaining_and_reset_tell_where_the_caller_stands():
    cap = TokenCap(10)
    assert (cap.look("caller", 0.0).remaining, cap.look("caller", 0.0).reset_s) == (10, 0.0)
    cap.spend("caller", 4, 0.0)
    cap.spend("caller", 1, 20.0)
    standing = cap.look("caller", 30.0)
    assert (standing.limit, standing.remaining, standing.reset_s, standing.retry_after_s) == (10, 5, 50.0, None)
    assert cap.look("other", 30.0).remaining == 10


def test_reset_forgets_every_caller():
    cap = TokenCap(10)
    cap.spend("caller", 10, 0.0)
    cap.reset()
    assert cap.look("caller", 0.0, 10).retry_after_s is None
