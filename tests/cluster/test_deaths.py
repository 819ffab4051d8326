from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.deaths import IN_A_ROW, MOST, WITHIN_S, Deaths


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deaths(clock):
    return Deaths(clock)


def one_after_the_other(deaths, clock, lives):
    """Whether each of so many deaths is followed by another life: `lives` are seconds, and whether it answered."""
    told = []
    for seconds, answered in lives:
        clock.now += seconds
        told.append(deaths.may_be_replaced(answered=answered))
    return told


def test_the_third_death_in_a_row_without_an_answer_is_the_last(deaths, clock):
    assert one_after_the_other(deaths, clock, [(3600, False)] * 3) == [True, True, False]


def test_an_answer_between_them_counts_anew(deaths, clock):
    lives = [(3600, False), (3600, False), (3600, True), (3600, False), (3600, False)]
    assert one_after_the_other(deaths, clock, lives) == [True, True, True, True, False]


def test_the_fifth_death_within_ten_minutes_is_the_last_whatever_was_answered(deaths, clock):
    assert one_after_the_other(deaths, clock, [(149, True)] * 5) == [True, True, True, True, False]


def test_five_deaths_over_a_little_more_are_no_reason(deaths, clock):
    assert one_after_the_other(deaths, clock, [(151, True)] * 40) == [True] * 40


@given(st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=40))
def test_a_place_is_given_up_for_one_of_its_two_reasons_only(lives):
    clock = Clock()
    told = one_after_the_other(Deaths(clock), clock, lives)

    at, times, in_a_row = 1000.0, [], 0
    for (seconds, answered), replaced in zip(lives, told, strict=True):
        at += seconds
        times.append(at)
        in_a_row = 1 if answered else in_a_row + 1
        recent = [time for time in times if at - time <= WITHIN_S]
        assert replaced == (in_a_row < IN_A_ROW and len(recent) < MOST)
