from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.cap import WINDOW_S, RequestCap


@given(
    rpm=st.integers(1, 20),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=120),
)
def test_no_window_of_60_seconds_holds_more_than_the_cap(rpm, gaps):
    cap, now, admitted = RequestCap(rpm), 0.0, []
    for gap in gaps:
        now += gap
        if cap.admit("caller", now).retry_after_s is None:
            admitted.append(now)
    for start in admitted:
        assert sum(start <= time < start + WINDOW_S for time in admitted) <= rpm


@given(rpm=st.integers(1, 10), spread=st.floats(0, 59))
def test_whoever_waits_as_told_is_admitted(rpm, spread):
    cap = RequestCap(rpm)
    for number in range(rpm):
        cap.admit("caller", spread * number / rpm)
    wait = cap.admit("caller", spread).retry_after_s
    assert wait is not None
    assert cap.admit("caller", spread + wait).retry_after_s is None


def test_a_refused_request_does_not_count():
    cap = RequestCap(1)
    cap.admit("caller", 0.0)
    assert cap.admit("caller", 59.0).retry_after_s == 1
    assert cap.admit("caller", 60.0).retry_after_s is None


def test_callers_have_caps_of_their_own():
    cap = RequestCap(1)
    assert cap.admit("one", 0.0).retry_after_s is None
    assert cap.admit("other", 0.0).retry_after_s is None


def test_remaining_and_reset_tell_where_the_caller_stands():
    cap = RequestCap(3)
    first, second = cap.admit("caller", 0.0), cap.admit("caller", 10.0)
    assert (first.limit, first.remaining, first.reset_s) == (3, 2, 60.0)
    assert (second.remaining, second.reset_s) == (1, 60.0)


def test_reset_admits_at_once():
    cap = RequestCap(1)
    cap.admit("caller", 0.0)
    cap.reset()
    assert cap.admit("caller", 0.0).retry_after_s is None
