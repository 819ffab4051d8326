from __future__ import annotations

import pytest

from harness.analysis.compare.comparison import Paired, compare
from harness.analysis.compare.items import Kind
from harness.analysis.records import load


@pytest.fixture
def comparison(folder):
    def of(one, other):
        return compare(load(folder("one", *one)), load(folder("other", *other)))

    return of


def used(output):
    return {"tokens_used": {"input": 1, "output": output, "total": 1 + output}}


def test_pairs_are_counted_by_what_became_of_them(comparison, record):
    found = comparison(
        [record(1), record(2), record(3), record(4, error="a"), record(5, error="b"), record(6)],
        [record(1), record(2, "No."), record(3, error="c"), record(4), record(5, error="d"), record(7)],
    )
    assert dict(found.kinds) == dict.fromkeys(Kind, 1)
    assert (len(found.matching.only_one), len(found.matching.only_other)) == (1, 1)
    assert [item.one["prompt_id"] for item in found.differing] == ["p2", "p3", "p4"]
    assert dict(found.finish_reasons) == {("stop", None): 1, (None, "stop"): 1}


def test_what_answers_took_is_compared_in_pairs(comparison, record):
    found = comparison(
        [
            record(1, **used(10), cost_usd=0.5, elapsed_seconds=1.0),
            record(2, **used(20), cost_usd=None, elapsed_seconds=3.0),
            record(3, **used(900), elapsed_seconds=90.0),
            record(4, **used(900), variant="n@0.0", cost_usd=None),
        ],
        [
            record(1, **used(16), cost_usd=0.75, elapsed_seconds=0.5),
            record(2, **used(18), cost_usd=0.25, elapsed_seconds=3.5),
            record(3, error="gone", elapsed_seconds=1.0),
            record(4, **used(900), variant="n@0.0"),
        ],
    )
    m, n = found.variants
    assert m.quantities == {
        "output_tokens": Paired(2, 15.0, 17.0, 2.0),
        "cost_usd": Paired(1, 0.5, 0.75, 0.25),
        "elapsed_seconds": Paired(2, 2.0, 2.0, 0.0),
    }
    assert (n.variant, n.pairs, n.quantities["cost_usd"]) == ("n@0.0", 1, None)


def test_marks_that_changed_are_counted(comparison, record):
    found = comparison(
        [record(1, "I cannot confirm it."), record(2, "I cannot confirm it."), record(3, "CVE-2020-0001")],
        [record(1, "It is so."), record(2, "It is not so."), record(3, "CVE-2020-0002")],
    )
    assert dict(found.marks) == {"heuristic_abstained": 2, "heuristic_cves_cited": 1}


def test_another_way_of_matching_and_other_prompts_are_said(comparison, record):
    found = comparison([record(1, prompt_id="p", run_id="a")], [record(2, prompt_id="p", run_id="b", prompt="Or so?")])
    assert any("matched by prompt_id, variant, repeat" in note for note in found.notes)
    assert "1 of 1 pairs were not asked the same: their prompts differ under one id." in found.notes
    assert not any("same run" in note for note in found.notes)


def test_two_folders_of_one_run_are_said(comparison, record):
    found = comparison([record(1)], [record(1)])
    assert found.notes == ("Both folders are of the same run: one is a copy of the other, or both grew from one.",)


def test_simulated_answers_are_said_of_the_folder_that_has_them(comparison, record):
    found = comparison([record(1, run_id="a")], [record(1, run_id="b", simulated=True)])
    assert [variant.simulated for variant in found.variants] == [True]
    [note] = found.notes
    assert note.startswith(str(found.other.folder))
    assert "1 of 1 answers are simulated" in note
