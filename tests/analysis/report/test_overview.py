from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.report.overview import histogram, overview


def test_reasons_are_counted_and_a_failure_is_one(make_record):
    records = [
        make_record("p1"),
        make_record("p2", finish_reason="length"),
        make_record("p3", error="Broken."),
        make_record("p1", "n@0.0", finish_reason="refusal"),
    ]
    told = overview(Path("x"), records)
    assert [variant["reasons"] for variant in told["variants"]] == [
        {"stop": 1, "length": 1, "failed": 1},
        {"refusal": 1},
    ]
    assert told["total"]["reasons"] == {"stop": 1, "length": 1, "failed": 1, "refusal": 1}
    assert (told["total"]["done"], told["total"]["failed"], told["total"]["refused"]) == (3, 1, 1)


def test_seconds_are_those_of_answers(make_record):
    records = [make_record(f"p{n}", elapsed_seconds=float(n)) for n in range(1, 21)]
    records.append(make_record("p99", error="Broken.", elapsed_seconds=500.0))
    [variant] = overview(Path("x"), records)["variants"]
    assert (variant["p50_seconds"], variant["p95_seconds"], sum(variant["histogram"])) == (10.0, 19.0, 20)


def test_all_histograms_have_one_axis_with_round_ends(make_record):
    records = [make_record("p1", "fast@0", elapsed_seconds=0.07), make_record("p1", "slow@0", elapsed_seconds=31.0)]
    told = overview(Path("x"), records)
    assert told["seconds"] == (0.05, 50.0)
    fast, slow = (variant["histogram"] for variant in told["variants"])
    assert fast.index(1) < 5
    assert slow.index(1) > len(slow) - 5


def test_an_axis_holds_what_lies_on_a_round_number(make_record):
    told = overview(Path("x"), [make_record(elapsed_seconds=1.0)])
    assert told["seconds"] == (1.0, 2.0)
    assert sum(told["total"]["histogram"]) == 1


def test_no_answer_has_no_axis(make_record):
    told = overview(Path("x"), [make_record(error="Broken.")])
    assert (told["seconds"], told["variants"][0]["histogram"], told["total"]["p50_seconds"]) == (None, None, None)


@pytest.mark.parametrize(("value", "place"), [(0.0, 0), (1.0, 0), (9.99, 13), (10.01, 14), (99.9, 27), (100.0, 27)])
def test_bins_are_of_equal_width_on_a_logarithmic_axis(value, place):
    assert histogram([value], 1.0, 100.0).index(1) == place
