from __future__ import annotations

from harness.local.status import OutOfMemory


def test_a_shortage_says_what_becomes_of_the_prompts():
    shortage = OutOfMemory("org/name", rows=12, slots_before=16, slots=6, reason="no room")

    assert shortage.note == "org/name ran out of memory with 12 prompts in work; they are tried again, 6 at a time."


def test_a_prompt_that_was_too_large_alone_is_no_note():
    assert OutOfMemory("m", rows=1, slots_before=1, slots=8, reason="no room").note is None
    assert OutOfMemory("m", rows=1, slots_before=16, slots=16, reason="no room").note is None
