from __future__ import annotations

import pytest

from harness.errors import JournalCorruptError
from harness.journal import StoredAnswers


def test_every_answer_is_found_by_its_item(journal, line, item):
    path = journal(*(line(n, pad=n) for n in range(50)))
    with StoredAnswers(path) as answers:
        assert [answers.get(item(n))["n"] for n in (49, 0, 17, 16, 18)] == [49, 0, 17, 16, 18]
        assert answers.get(item(50)) is None
        assert len(answers) == 50


def test_the_first_success_answers_and_a_failure_does_not(journal, line, item):
    path = journal(line(0, "no"), line(0, pad=1), line(0, pad=2), line(1, "no"))
    with StoredAnswers(path) as answers:
        assert answers.get(item(0))["pad"] == "x"
        assert answers.get(item(1)) is None
        assert len(answers) == 1


def test_what_another_process_has_not_finished_is_left_out_and_what_it_adds_is_not_seen(journal, line, item):
    path = journal(line(0), line(1)[:-20])
    with StoredAnswers(path) as answers:
        with path.open("ab") as file:
            file.write(line(1)[-20:] + line(2))
        assert answers.get(item(0))["n"] == 0
        assert (answers.get(item(1)), answers.get(item(2))) == (None, None)


def test_a_corrupt_line_is_named_wherever_it_is_noticed(journal, line, item, monkeypatch):
    path = journal(line(0), b"no record\n", line(1))
    with pytest.raises(JournalCorruptError) as found:
        StoredAnswers(path)
    assert (found.value.line, "not JSON" in found.value.problem) == (2, True)
    # As in a long journal, of which only the two ends of a line are looked at.
    broken = line(1, pad=9).replace(b'"n":1', b'"n":}')
    path = journal(line(0), line(2), broken, line(3))
    with StoredAnswers(path) as answers, pytest.raises(JournalCorruptError) as found:
        answers.get(item(1))
    assert (found.value.line, found.value.path) == (3, path)


def test_a_journal_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        StoredAnswers(tmp_path / "results.jsonl")
