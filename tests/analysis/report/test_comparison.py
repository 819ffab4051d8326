from __future__ import annotations

from harness.analysis.report.comparison import Measured, comparison


def cell(measured, **where):
    wanted = {"variant": "m@0.0", "scope": "all", "category": None, "probe": "all", **where}
    [found] = [one for one in comparison(measured) if wanted.items() <= one.items()]
    return found


def plain(record, uncertainty=None, marks=None):
    return Measured(record, uncertainty or {}, marks or {})


def test_shares_are_of_answers_and_failures_are_none(make_record):
    records = [make_record("p1"), make_record("p2", finish_reason="content_filter"), make_record("p3", error="Broken.")]
    told = cell(map(plain, records))
    assert told["means"]["share_refused"] == [0.5, 2]
    assert told["counts"] == {"answers": 2, "refused": 1, "truncated": 0, "failed": 1}


def test_simulated_answers_are_counted_and_enter_no_mean(make_record):
    records = [
        make_record("p1", finish_reason="length", elapsed_seconds=2.0),
        make_record("p2", simulated=True, finish_reason="refusal", elapsed_seconds=900.0),
    ]
    told = cell(plain(record, {"perplexity": 2.0}, {"share_heuristic_x": 1.0}) for record in records)
    assert told["counts"] == {"answers": 2, "refused": 1, "truncated": 1, "failed": 0}
    assert told["simulated"] == 1
    assert told["means"] == {
        "share_refused": [0.0, 1],
        "share_truncated": [1.0, 1],
        "output_tokens": [20.0, 1],
        "seconds": [2.0, 1],
        "perplexity": [2.0, 1],
        "share_heuristic_x": [1.0, 1],
    }


def test_prompts_are_told_apart_by_category_and_by_kind(make_record):
    records = [
        make_record("p1", prompt_category="a", is_synthetic_probe=True, finish_reason="refusal"),
        make_record("p2", prompt_category="a", is_synthetic_probe=False),
        make_record("p3", prompt_category=None, is_synthetic_probe=None),
    ]
    measured = list(map(plain, records))
    assert cell(measured, scope="category", category="a")["means"]["share_refused"] == [0.5, 2]
    assert cell(measured, scope="category", category="a", probe="synthetic")["means"]["share_refused"] == [1.0, 1]
    assert cell(measured, scope="category", category=None)["counts"]["answers"] == 1
    assert cell(measured, probe="unknown")["counts"]["answers"] == 1
    assert cell(measured, probe="all")["counts"]["answers"] == 3


def test_a_mean_is_of_the_answers_that_have_the_value(make_record):
    records = [make_record("p1"), make_record("p2", tokens_used=None, elapsed_seconds=3.0)]
    values = [{"mean_entropy": 0.5}, {"mean_entropy": None}]
    told = cell(map(plain, records, values))["means"]
    assert (told["output_tokens"], told["seconds"], told["mean_entropy"]) == ([20.0, 1], [2.0, 2], [0.5, 1])


def test_a_mark_that_says_nothing_is_in_no_share(make_record):
    marks = [{"share_heuristic_x": 1.0}, {"share_heuristic_x": None}, {"share_heuristic_x": 0.0}, {}]
    measured = [plain(make_record(f"p{n}"), marks=mark) for n, mark in enumerate(marks)]
    assert cell(measured)["means"]["share_heuristic_x"] == [0.5, 2]
