from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from harness.errors import LaneError
from harness.local.spec import LocalModelSpec
from harness.local.worker.failures import STOPPED
from harness.local.worker.line import Line

ONE, TWO, THREE = (LocalModelSpec(name) for name in ("one", "two", "three"))


def job(name="", *, abandoned=False):
    outcomes, put_back = [], []
    return SimpleNamespace(
        name=name,
        abandoned=abandoned,
        deliver=outcomes.append,
        outcomes=outcomes,
        put_back=lambda: put_back.append(name),
        times_put_back=put_back,
    )


def names(jobs):
    return [each.name for each in jobs]


@pytest.fixture
def line():
    line = Line(gather_s=0.0)
    line.register(ONE)
    return line


def model_of(line, spec=ONE, jobs=()):
    for each in jobs:
        line.push(spec, each)
    return line._find(spec)


def test_what_waits_is_taken_in_the_order_it_came(line):
    model = model_of(line, jobs=[job(name) for name in "abcdef"])

    assert names(line.take(model, 2)) == ["a", "b"]
    assert names(line.take_now(model, 3, put_back=False)) == ["c", "d", "e"]
    assert names(line.take(model, 9)) == ["f"]


def test_taking_now_waits_for_nothing(line):
    model = model_of(line)

    assert line.take_now(model, 4, put_back=False) == []


def test_what_was_abandoned_is_passed_over_and_takes_no_place(line):
    model = model_of(line, jobs=[job("a"), job("b", abandoned=True), job("c"), job("d", abandoned=True), job("e")])

    assert names(line.take_now(model, 2, put_back=False)) == ["a", "c"]
    assert names(line.take(model, 2)) == ["e"]
    assert line.queued == 0


def test_what_was_put_back_goes_first_and_by_itself(line):
    model = model_of(line, jobs=[job("new")])
    line.push_back(model, [job("c"), job("d")])
    line.push_back(model, [job("a"), job("b")])

    assert line.queued == 5
    assert names(line.take(model, 3)) == ["a", "b", "c"]
    assert names(line.take_now(model, 3, put_back=True)) == ["d"]
    assert line.take_now(model, 3, put_back=True) == []
    assert names(line.take(model, 3)) == ["new"]


def test_what_is_put_back_is_told_so(line):
    again, other = job("again"), job("other")
    model = model_of(line, jobs=[other])

    line.push_back(model, [again])

    assert again.times_put_back == ["again"]
    assert other.times_put_back == []


def test_what_was_put_back_and_abandoned_counts_no_more(line):
    model = model_of(line, jobs=[job("new")])
    line.push_back(model, [job("gone", abandoned=True)])

    assert not line.has_put_back(model)
    assert names(line.take(model, 3)) == ["new"]


def test_what_was_put_back_rejoins_the_others_in_front(line):
    model = model_of(line, jobs=[job("c")])
    line.push_back(model, [job("a"), job("b")])

    line.rejoin(model)

    assert not line.has_put_back(model)
    assert names(line.take(model, 9)) == ["a", "b", "c"]


def test_a_parked_model_fails_all_that_waits_and_what_comes(line):
    waiting, again = job(), job()
    model = model_of(line, jobs=[waiting])
    line.push_back(model, [again])

    line.park(model, LaneError("No weights."))

    assert [each.outcomes[0].message for each in (waiting, again)] == ["No weights."] * 2
    assert line.take(model, 1) == []
    with pytest.raises(LaneError, match="No weights"):
        line.push(ONE, job())


def test_closing_fails_all_that_waits_also_what_was_put_back(line):
    waiting, again = job(), job()
    model = model_of(line, jobs=[waiting])
    line.push_back(model, [again])

    line.close()

    assert len(waiting.outcomes) == len(again.outcomes) == 1
    assert line.take_now(model, 1, put_back=False) == []


def test_stopping_fails_what_waits_at_once_though_the_thread_is_in_a_load(line):
    waiting = [job("a"), job("b")]
    model_of(line, jobs=waiting)

    line.stop()

    assert [str(each.outcomes[0]) for each in waiting] == [STOPPED, STOPPED]
    assert line.queued == 0
    line.close()
    assert [len(each.outcomes) for each in waiting] == [1, 1]


def test_a_line_that_ends_for_a_reason_tells_it_to_all_that_waits_and_what_comes(line):
    waiting, again = job(), job()
    model = model_of(line, jobs=[waiting])
    line.push_back(model, [again])

    line.stop(LaneError("CUDA is gone."))
    line.stop()
    line.close()

    assert [each.outcomes[0].message for each in (waiting, again)] == ["CUDA is gone."] * 2
    with pytest.raises(LaneError, match="CUDA is gone"):
        line.push(ONE, job())


def test_a_request_that_comes_wakes_the_thread_that_waits(line):
    model, taken = model_of(line), []
    thread = threading.Thread(target=lambda: taken.extend(line.take(model, 4)))
    thread.start()

    line.push(ONE, job("late"))
    thread.join(5.0)

    assert names(taken) == ["late"]


def test_the_model_that_follows_is_the_next_that_is_still_wanted(line):
    line.register(TWO)
    line.register(THREE)
    first = model_of(line)
    assert line.following(first) == TWO

    line.release(TWO)

    assert line.following(first) == THREE
    assert line.following(model_of(line, THREE)) is None
