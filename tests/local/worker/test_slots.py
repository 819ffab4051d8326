from __future__ import annotations

import pytest

from harness.local.worker.slots import Slots


def test_running_out_halves_what_was_in_work_down_to_one():
    slots = Slots(16)
    tried = []

    for rows in (16, 8, 4, 2, 1):
        slots.ran_out(rows)
        tried.append(slots.now)

    assert tried == [8, 4, 2, 1, 1]


def test_what_was_in_work_counts_where_it_was_less_than_there_were_slots():
    slots = Slots(16)

    slots.ran_out(6)

    assert slots.now == 3


def test_an_engine_that_had_more_in_work_than_slots_cannot_keep_them():
    slots = Slots(4)

    slots.ran_out(9)

    assert slots.now == 2


def test_a_number_that_never_worked_is_halved_for_good():
    slots = Slots(16)
    slots.ran_out(16)
    slots.ran_out(8)

    slots.over(found_one=False)

    assert (slots.now, slots.tries_again) == (8, False)
    slots.took(1000)
    assert not slots.may_grow


def test_a_number_that_worked_comes_back_once_the_prompts_to_blame_are_answered():
    slots = Slots(16)
    slots.took(64)
    slots.ran_out(16)

    slots.over(found_one=False)

    assert slots.now == 16


def test_a_number_that_comes_back_has_to_work_again():
    slots = Slots(16)
    slots.took(64)
    slots.ran_out(16)
    slots.over(found_one=False)

    slots.took(63)
    slots.ran_out(16)
    slots.over(found_one=False)

    assert slots.now == 8


def test_a_number_that_worked_stands_however_many_prompts_fail_alone():
    slots = Slots(16)
    slots.took(64)

    for _ in range(5):
        slots.ran_out(16)
        slots.over(found_one=True)

    assert slots.now == 16


def test_a_number_that_was_halved_although_a_prompt_was_to_blame_grows_back():
    slots = Slots(16)
    seen = []
    for _ in range(5):
        slots.ran_out(slots.now)
        slots.over(found_one=True)
        seen.append(slots.now)

    for _ in range(5):
        slots.took(4 * slots.now)
        slots.grow()
        seen.append(slots.now)

    assert seen == [8, 4, 2, 1, 1, 2, 4, 8, 16, 16]


def test_prompts_that_are_tried_again_prove_nothing():
    slots = Slots(16)
    slots.ran_out(16)

    slots.took(1000)
    slots.over(found_one=True)

    assert slots.now == 8
    assert not slots.may_grow


def test_a_prompt_that_fails_alone_in_passing_changes_nothing():
    slots = Slots(16)

    slots.over(found_one=True)

    assert slots.now == 16


@pytest.mark.parametrize("fits", [1, 3, 20, 64, 100])
def test_a_number_far_too_high_comes_down_in_a_handful_of_failures(fits):
    slots, failures = Slots(128), 0

    for _ in range(200):
        if slots.now > fits:
            slots.ran_out(slots.now)
            failures += 1
        else:
            slots.took(slots.now)
            slots.over(found_one=False)
            slots.grow()

    assert slots.now <= fits < 2 * slots.now + 1
    assert failures <= 28
