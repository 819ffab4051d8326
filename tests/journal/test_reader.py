from __future__ import annotations

import orjson
import pytest

from harness.errors import JournalCorruptError
from harness.journal import reader
from harness.journal.reader import bad_lines, read_lines, read_records, scan


def test_a_scan_counts_lines_and_items(journal, line, item):
    lines = [
        line(1),
        line(2, error="503"),
        line(3, error="503"),
        line(2),
        line(1),
        line(2, error="late"),
        line(3, error="again"),
    ]
    found = scan(journal(*lines))
    assert (found.records, found.successes, found.failures, found.duplicates) == (7, 3, 4, 1)
    assert set(found.done) == {item(1), item(2)}
    assert set(found.failed) == {item(3)}
    assert (found.end, found.torn) == (len(b"".join(lines)), 0)


def test_an_empty_journal_holds_nothing(journal):
    found = scan(journal())
    assert (found.records, found.end, found.torn) == (0, 0, 0)


@pytest.mark.parametrize(
    "tail",
    [
        b"{",
        b'{"item_id":"00000000000000000000000000000000","error":null}',
        b"\0\0\0\0",
        b'{"item_id":"0000\0\0\0\0',
        b'{"item_id":"00000000000000000000000000000000","a":"\0\0","error":null}\n',
        b"\0\0\0\n\0\0",
    ],
)
def test_a_torn_tail_is_reported_and_is_no_error(journal, line, tail):
    path = journal(line(1), tail)
    found = scan(path)
    assert (found.records, found.end, found.torn) == (1, len(line(1)), len(tail))
    assert [record["n"] for record in read_records(path)] == [1]
    assert list(bad_lines(path)) == []


@pytest.mark.parametrize(
    "bad", [b"garbage\n", b"\n", b'{"item_id":"00000000000000000000000000000000","a":"\0\0","error":null}\n']
)
def test_a_bad_line_in_the_middle_is_corruption_with_its_number_and_the_way_out(journal, line, bad):
    path = journal(line(1), line(2), bad, line(3))
    with pytest.raises(JournalCorruptError, match=r"results\.jsonl, line 3: .* --repair") as found:
        scan(path)
    assert found.value.line == 3
    assert [bad.number for bad in bad_lines(path)] == [3]


def test_a_finished_last_line_that_no_crash_could_leave_is_corruption(journal, line):
    with pytest.raises(JournalCorruptError, match="line 2"):
        scan(journal(line(1), b"garbage\n"))


def test_readers_get_one_record_of_each_item(journal, line):
    path = journal(
        line(1, error="first"),
        line(2, pad=1),
        line(3, error="first"),
        line(1),
        line(2, pad=2),
        line(3, error="second"),
        line(4, error="only"),
        line(3, error="third"),
        line(1, error="late"),
    )
    read = [(record["n"], record["error"], len(record["pad"])) for record in read_records(path)]
    assert read == [(2, None, 1), (1, None, 0), (4, "only", 0), (3, "third", 0)]


def test_what_is_appended_while_reading_is_left_out(journal, line):
    path = journal(line(1), line(2, error="503"))
    records = read_records(path)
    first = next(records)
    with path.open("ab") as file:
        file.write(line(2) + line(3))
    assert [first["n"], *(record["n"] for record in records)] == [1, 2]


def test_a_line_right_at_both_ends_only_is_found_when_it_is_read(journal, line):
    hollow = line(2).replace(b'"pad":""', b'"pad":"')
    path = journal(line(1), hollow, line(3))
    assert scan(path).records == 3
    assert [bad.number for bad in bad_lines(path)] == [2]
    with pytest.raises(JournalCorruptError, match="line 2: the line is not JSON"):
        list(read_records(path))


def test_records_come_as_they_were_written(journal, line):
    assert list(read_records(journal(line(1, pad=3)))) == [orjson.loads(line(1, pad=3))]


def test_half_a_record_with_a_whole_one_glued_to_it_is_corruption(journal, line):
    with pytest.raises(JournalCorruptError, match="line 2"):
        scan(journal(line(1), line(2)[:-40] + line(3), line(4)))


def test_two_whole_records_on_one_line_are_corruption(journal, line):
    with pytest.raises(JournalCorruptError, match="line 1"):
        scan(journal(line(1)[:-1] + line(2), line(3)))


def test_in_a_long_journal_too_it_is_found_when_the_lines_are_read(journal, line, monkeypatch):
    monkeypatch.setattr(reader, "_LONG", 0)
    path = journal(line(1), line(2)[:-40] + line(3), line(4))
    with pytest.raises(JournalCorruptError, match="line 2"):
        list(read_lines(path))


def test_lines_are_told_apart_by_whether_readers_take_them(journal, line, item):
    lines = [line(1, error="503"), line(2, error="503"), line(1), line(2, error="again"), line(1, pad=1)]
    read = list(read_lines(journal(*lines, b"{")))
    assert [(one.number, one.digest, one.success, one.taken) for one in read] == [
        (1, item(1), False, False),
        (2, item(2), False, False),
        (3, item(1), True, True),
        (4, item(2), False, True),
        (5, item(1), True, False),
    ]
    assert [one.data for one in read] == lines
