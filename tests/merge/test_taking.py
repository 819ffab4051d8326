from __future__ import annotations

import pytest

from harness.errors import JournalCorruptError, UsageError
from harness.journal.line import decode
from harness.merge.overlap import overlap_of
from harness.merge.taking import Conflict, Taking
from tests.merge.run_folders import item, line


@pytest.fixture
def take(folders):
    """Takes from journals with these lines: the lines taken, what was counted, the conflicts."""

    def run(*journals: list[bytes]):
        paths = [folders.make(f"f{n}", *lines) / "results.jsonl" for n, lines in enumerate(journals)]
        conflicts: list[Conflict] = []
        taking = Taking(paths, overlap_of(paths), conflicts.append)
        return list(taking.lines()), taking, conflicts

    return run


def _counts(taking: Taking) -> tuple[int, ...]:
    return taking.answers, taking.failures, taking.duplicates, taking.conflicts


def test_lines_come_byte_for_byte_in_the_order_of_the_journals(take):
    odd = b'{"item_id": "%b", "schema_version": 1, "x": 1.50, "error": null}\n' % item(2).hex().encode()

    lines, taking, _ = take([line(3), line(1)], [odd, line(4, error="503")])

    assert lines == [line(3), line(1), odd, line(4, error="503")]
    assert (_counts(taking), taking.taken) == ((3, 1, 0, 0), [2, 2])


def test_a_line_is_decoded_only_where_its_item_stands_in_several_places(take, monkeypatch):
    decoded = []
    monkeypatch.setattr("harness.merge.taking.decode", lambda data: decoded.append(data) or decode(data))

    take([line(1), line(2)], [line(2), line(3)])

    assert decoded == [line(2), line(2)]


def test_the_first_success_is_taken_and_no_failure_beside_one(take):
    lines, taking, _ = take(
        [line(1, error="503"), line(2, run_id="a"), line(3, error="first")],
        [line(1), line(2, run_id="b"), line(2, error="503"), line(3, error="second"), line(3, error="third")],
        [line(1, error="late"), line(3, error="fourth"), line(4, error="x")],
        [line(4, error="y")],
    )

    assert lines == [line(2, run_id="a"), line(1), line(3, error="fourth"), line(4, error="y")]
    assert (_counts(taking), taking.taken) == ((2, 2, 1, 0), [1, 1, 1, 1])


@pytest.mark.parametrize(
    "facts",
    [
        {"answer": "No."},
        {"thinking": "Hm."},
        {"finish_reason": "length"},
        {"output_token_ids": [1, 2]},
        {"answer": ""},
    ],
)
def test_two_answers_that_say_different_things_are_a_conflict_and_the_first_stays(take, facts):
    lines, taking, conflicts = take([line(9)], [line(1)], [line(2), line(1, **facts)])

    assert lines == [line(9), line(1), line(2)]
    assert conflicts == [Conflict(item(1).hex(), "m@0.0", "p1", kept=1, left_out=2)]
    assert _counts(taking) == (3, 0, 0, 1)


@pytest.mark.parametrize(
    "facts",
    [
        {"run_id": "other"},
        {"timestamp": "2026-07-27T00:00:00+00:00", "elapsed_seconds": 9.0, "request_id": "x"},
        {"model_version": "v2", "token_logprobs": [], "runtime": {"slots": 3}},
    ],
)
def test_two_answers_that_say_the_same_are_one(take, facts):
    lines, taking, conflicts = take([line(1)], [line(1, **facts)])

    assert (lines, conflicts, _counts(taking)) == ([line(1)], [], (1, 0, 1, 0))


def test_each_answer_is_held_against_the_one_that_was_taken(take):
    _, taking, conflicts = take([line(1)], [line(1, "No.")], [line(1, "No.")], [line(1)])

    assert [(one.kept, one.left_out) for one in conflicts] == [(0, 1), (0, 2)]
    assert _counts(taking) == (1, 0, 1, 2)


def test_what_one_journal_says_twice_is_looked_at_too(take):
    lines, taking, conflicts = take([line(1), line(1, "No."), line(1)], [line(2)])

    assert lines == [line(1), line(2)]
    assert [(one.kept, one.left_out) for one in conflicts] == [(0, 0)]
    assert _counts(taking) == (2, 0, 1, 1)


def test_what_was_paid_for_lines_that_are_left_out_is_known_but_for_copies(take):
    _, taking, _ = take(
        [line(1, cost_usd=1.0), line(2, cost_usd=2.0), line(3, cost_usd=4.0)],
        [line(1, cost_usd=1.0), line(2, cost_usd=8.0), line(3, "No.", cost_usd=16.0)],
        [line(4, error="x", cost_usd=32.0), line(4, error="y")],
    )

    assert sorted(taking.left_out_usd) == [8.0, 16.0, 32.0]


@pytest.mark.parametrize("shared", [True, False])
def test_records_of_another_version_are_refused(take, shared):
    with pytest.raises(UsageError, match=r"f1/results\.jsonl holds records of schema version 2"):
        take([line(1)], [line(1 if shared else 2, schema_version=2)])


def test_a_version_is_not_taken_from_what_a_prompt_file_says(take):
    hidden = line(2, run_id='x","schema_version":1,', schema_version=2, prompt_metadata={"a": 1, "schema_version": 1})

    with pytest.raises(UsageError, match="schema version 2"):
        take([hidden])


def test_a_shared_line_that_is_right_at_both_ends_only_is_corrupt(take):
    with pytest.raises(JournalCorruptError, match=r"f1/results\.jsonl, line 2"):
        take([line(1)], [line(2), line(1).replace(b'"Yes."', b'"Yes.')])
