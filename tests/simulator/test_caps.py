from __future__ import annotations

from harness.simulator.caps import Caps, Limit, Standing


def test_without_caps_all_is_admitted_and_nothing_is_said():
    caps = Caps(None, None, None)
    assert all(caps.admit("caller", 10**9, 0.0) is None for _ in range(1_000))
    assert caps.standing("caller", 0.0) == Standing()


def test_the_cap_that_would_break_is_named_with_the_wait():
    caps = Caps(10, 100, 50)
    assert caps.admit("caller", 80, 0.0) is None
    excess = caps.admit("caller", 30, 15.0)
    assert (excess.limit, excess.requested, excess.allowance.retry_after_s) == (Limit.INPUT_TOKENS, 30, 45)
    caps.wrote("caller", 50, 15.0)
    assert caps.admit("caller", 1, 16.0).limit is Limit.OUTPUT_TOKENS


def test_a_request_that_one_cap_refuses_counts_against_none():
    caps = Caps(1, 100, None)
    assert caps.admit("caller", 101, 0.0).limit is Limit.INPUT_TOKENS
    assert caps.admit("caller", 100, 0.0) is None
    assert caps.admit("caller", 0, 1.0).limit is Limit.REQUESTS
    assert caps.standing("caller", 60.0).input_tokens.remaining == 100


def test_output_stops_what_comes_after_it_is_used_up():
    caps = Caps(None, None, 50)
    caps.wrote("caller", 49, 0.0)
    assert caps.admit("caller", 5, 0.0) is None
    caps.wrote("caller", 49, 1.0)
    assert caps.admit("caller", 5, 1.0).allowance.retry_after_s == 59
    assert caps.standing("caller", 1.0).output_tokens.remaining == 0


def test_reset_forgets_all_three():
    caps = Caps(1, 10, 10)
    caps.admit("caller", 10, 0.0)
    caps.wrote("caller", 10, 0.0)
    caps.reset()
    assert caps.admit("caller", 10, 0.0) is None
