from __future__ import annotations

import pytest

from harness.errors import JournalCorruptError
from harness.merge.overlap import overlap_of
from tests.merge.run_folders import item, line


def _overlap(folders, *journals: list[bytes]):
    return overlap_of([folders.make(f"f{n}", *lines) / "results.jsonl" for n, lines in enumerate(journals)])


def test_items_with_a_success_in_several_journals_are_known(folders):
    found = _overlap(folders, [line(1), line(2)], [line(2), line(3)], [line(4), line(3), line(2)])

    assert set(found.done) == {item(1), item(2), item(3), item(4)}
    assert set(found.shared) == {item(2), item(3)}


def test_a_failure_is_taken_from_the_last_journal_and_only_without_a_success(folders):
    failed = [line(n, error="503") for n in range(4)]

    found = _overlap(folders, failed, [line(0), failed[1]], [failed[2], failed[2]])

    assert [one.failed for one in found.journals] == [item(3), item(1), item(2)]


def test_each_journal_says_how_it_ends_and_whether_it_repeats_itself(folders):
    found = _overlap(folders, [line(1), line(1), line(2, error="503")], [line(1), b"{torn"], [])

    assert [(one.records, one.repeats, one.torn) for one in found.journals] == [(3, 1, 0), (1, 0, 5), (0, 0, 0)]


def test_a_corrupt_line_is_named_with_its_journal(folders):
    with pytest.raises(JournalCorruptError, match=r"f1/results\.jsonl, line 1: .* --repair"):
        _overlap(folders, [line(1)], [b"garbage\n", line(2)])
