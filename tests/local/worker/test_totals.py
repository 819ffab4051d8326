from __future__ import annotations

from harness.local.worker.totals import ModelTotals, added_up


def test_mean_rows_are_over_all_steps():
    assert ModelTotals(generated_tokens=30, steps=12).mean_rows == 2.5
    assert ModelTotals(generated_tokens=36, first_tokens=6, steps=12).mean_rows == 2.5
    assert ModelTotals().mean_rows == 0.0


def test_threads_that_ran_one_model_are_added_up_and_their_memory_is_not():
    first = {"m": ModelTotals(loads=1, load_seconds=2.0, generated_tokens=10, steps=5, most_kv_bytes=100)}
    second = {"m": ModelTotals(loads=1, load_seconds=1.0, generated_tokens=20, steps=5, most_kv_bytes=40)}

    together = added_up([first, second, {"other": ModelTotals(loads=1)}])

    assert together["m"] == ModelTotals(loads=2, load_seconds=3.0, generated_tokens=30, steps=10, most_kv_bytes=100)
    assert together["other"].loads == 1


def test_facts_are_rounded_for_the_manifest():
    facts = ModelTotals(loads=1, load_seconds=1.23456, generated_tokens=10, steps=3, decode_seconds=0.1).facts()

    assert facts == {
        "loads": 1,
        "load_seconds": 1.235,
        "prompt_tokens": 0,
        "prefill_seconds": 0.0,
        "generated_tokens": 10,
        "first_tokens": 0,
        "decode_seconds": 0.1,
        "steps": 3,
        "most_kv_bytes": 0,
        "halvings": 0,
        "mean_rows": 3.33,
    }
