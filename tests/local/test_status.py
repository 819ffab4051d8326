from __future__ import annotations

from harness.local.status import OutOfMemory, TokenRate


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


def test_a_rate_fades_once_nothing_more_comes():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    now[0] = 1.0
    rate.add(1000)

    now[0] = 3.0
    assert rate.value == 1000.0
    now[0] = 3.1
    assert rate.value == 0.0


def test_a_rate_of_steps_slower_than_its_window_does_not_fade_between_them():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    now[0] = 4.0
    rate.add(16)

    now[0] = 11.0

    assert rate.value == 4.0


def test_a_shortage_says_what_becomes_of_the_prompts():
    shortage = OutOfMemory("org/name", rows=12, slots_before=16, slots=6, reason="no room")

    assert shortage.note == "org/name ran out of memory with 12 prompts in work; they are tried again, 6 at a time."


def test_a_prompt_that_was_too_large_alone_is_no_note():
    assert OutOfMemory("m", rows=1, slots_before=1, slots=8, reason="no room").note is None
    assert OutOfMemory("m", rows=1, slots_before=16, slots=16, reason="no room").note is None


def test_a_reset_begins_at_nothing():
    now = [0.0]
    rate = TokenRate(lambda: now[0])
    now[0] = 1.0
    rate.add(5)

    rate.reset()

    assert rate.value == 0.0
