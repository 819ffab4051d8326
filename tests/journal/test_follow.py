from __future__ import annotations

import json
import os
from itertools import chain

import pytest

from harness.journal.follow import Follower


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps({"n": number}).encode() + b"\n" for number in numbers)


def add(path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def numbers(follower) -> list[int]:
    return [record["n"] for record in follower.read()]


def test_each_line_comes_once(path):
    follower = Follower(path)
    add(path, lines(1, 2))
    assert numbers(follower) == [1, 2]
    assert numbers(follower) == []
    add(path, lines(3))
    assert numbers(follower) == [3]
    assert (follower.restarted, follower.skipped) == (0, 0)


def test_a_file_that_comes_later_is_waited_for(path):
    follower = Follower(path)
    assert follower.read() == []
    add(path, lines(1))
    assert numbers(follower) == [1]
    assert follower.restarted == 0


def test_a_line_is_held_back_until_it_is_finished(path):
    follower = Follower(path)
    whole = lines(1, 2)
    for size in range(1, len(whole) + 1):
        path.write_bytes(whole[:size])
        assert all(record in ({"n": 1}, {"n": 2}) for record in follower.read())
    assert follower.skipped == 0
    add(path, lines(3))
    assert numbers(follower) == [3]


@pytest.mark.parametrize("torn", [b'{"n": 2', b"\0\0\0", b"\0\0\n\0\n", b'{"n": 2\0\0\n'])
def test_a_torn_tail_that_recovery_cuts_off_leaves_no_trace(path, torn):
    follower = Follower(path)
    path.write_bytes(lines(1) + torn)
    assert numbers(follower) == [1]
    assert numbers(follower) == []
    os.truncate(path, len(lines(1)))
    assert numbers(follower) == []
    add(path, lines(3, 4))
    assert numbers(follower) == [3, 4]
    assert (follower.restarted, follower.skipped) == (0, 0)


def test_lines_that_are_no_object_are_skipped_and_counted_once_something_good_follows(path):
    follower = Follower(path)
    path.write_bytes(lines(1) + b"garbage\n\n[7]\n")
    assert numbers(follower) == [1]
    assert follower.skipped == 0
    add(path, lines(2))
    assert numbers(follower) == [2]
    assert follower.skipped == 3


def test_a_file_in_its_place_is_read_from_its_beginning(path):
    follower = Follower(path)
    add(path, lines(1, 2))
    follower.read()
    path.with_name("new").write_bytes(lines(1, 2, 3))
    path.with_name("new").replace(path)
    assert numbers(follower) == [1, 2, 3]
    assert follower.restarted == 1


def test_a_file_that_was_deleted_and_written_anew_is_read_from_its_beginning(path):
    follower = Follower(path)
    add(path, lines(1, 2))
    follower.read()
    path.unlink()
    assert follower.read() == []
    add(path, lines(5, 6, 7))
    assert numbers(follower) == [5, 6, 7]
    assert follower.restarted == 1


@pytest.mark.parametrize("after", [lines(1), lines(1, 7), lines(1, 7, 8)], ids=["shorter", "as long", "longer"])
def test_losing_lines_that_were_handed_out_is_said_by_starting_over(path, after):
    follower = Follower(path)
    add(path, lines(1, 2))
    follower.read()
    with path.open("r+b") as file:
        file.write(after)
        file.truncate()
    assert numbers(follower) == [record["n"] for record in map(json.loads, after.splitlines())]
    assert follower.restarted == 1


def test_a_call_reads_a_bounded_number_of_bytes_and_says_whether_more_waits(path):
    follower = Follower(path, at_most=40)
    add(path, lines(*range(10)))
    read = [numbers(follower)]
    while follower.more:
        read.append(numbers(follower))
    assert list(chain.from_iterable(read)) == list(range(10))
    assert max(map(len, read)) == 40 // len(lines(1))


def test_a_line_too_long_for_a_call_is_passed_over(path):
    follower = Follower(path, at_most=20)
    add(path, lines(1) + b'{"long": "%b"}\n' % (b"x" * 100) + lines(2))
    read = numbers(follower)
    while follower.more:
        read += numbers(follower)
    assert read == [1, 2]
    assert (follower.skipped, follower.restarted) == (1, 0)


def test_garbage_that_fills_a_call_does_not_hold_up_what_follows(path):
    follower = Follower(path, at_most=20)
    add(path, b"\n" * 70 + lines(1))
    read = numbers(follower)
    while follower.more:
        read += numbers(follower)
    assert read == [1]
    assert follower.skipped == 70
