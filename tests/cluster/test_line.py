from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.line import Line
from harness.cluster.needs import Node, Placement, fit_together

NODES = [Node("a", {"CPU": 4.0}), Node("b", {"CPU": 2.0})]


def on(cpus, replicas=1):
    return Placement(replicas, {"CPU": float(cpus)}, "cpu")


@pytest.fixture
def line():
    return Line(NODES)


def test_models_that_fit_are_there_together(line):
    turns = [line.join(on(2)) for _ in range(4)]
    assert [turn.is_set() for turn in turns] == [True, True, True, False]


def test_a_model_that_leaves_lets_the_next_one_in(line):
    first = line.join(on(4))
    others = [line.join(on(4)), line.join(on(4))]
    line.leave(on(4), first)
    assert [turn.is_set() for turn in others] == [True, False]
    line.leave(on(4), others[0])
    assert others[1].is_set()


def test_a_small_one_does_not_go_before_a_large_one(line):
    first = line.join(on(3))
    large, small = line.join(on(4)), line.join(on(1))
    assert (large.is_set(), small.is_set()) == (False, False)
    line.leave(on(3), first)
    assert (large.is_set(), small.is_set()) == (True, True)


def test_whoever_gives_up_waiting_lets_those_behind_go_on(line):
    line.join(on(3))
    large, small = line.join(on(4)), line.join(on(1))
    line.leave(on(4), large)
    assert (large.is_set(), small.is_set()) == (False, True)


def test_a_model_whose_turn_was_called_off_leaves_from_where_it_stands(line):
    """As when a run is stopped: all who wait are woken, and go in any order."""
    first, second = line.join(on(4)), line.join(on(4))
    second.set()
    line.leave(on(4), second)
    third = line.join(on(4))
    assert not third.is_set()
    line.leave(on(4), first)
    assert third.is_set()


def test_where_nobody_is_the_next_one_is_let_in_even_so():
    assert Line([Node("a", {"CPU": 1.0})]).join(on(2)).is_set()


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 5)), max_size=25))
def test_those_there_fit_together_and_the_first_who_waits_has_a_reason_to(steps):
    line, all_of_them = Line(NODES), []
    for cpus, replicas, leaving in steps:
        placement = on(cpus, replicas)
        if fit_together([placement], NODES):
            all_of_them.append((placement, line.join(placement)))
        if leaving < len(all_of_them):
            line.leave(*all_of_them.pop(leaving))
        there = [placement for placement, turn in all_of_them if turn.is_set()]
        waiting = [placement for placement, turn in all_of_them if not turn.is_set()]
        assert fit_together(there, NODES)
        assert not waiting or not fit_together([*there, waiting[0]], NODES)
        assert [placement for placement, _ in all_of_them] == [*there, *waiting]
