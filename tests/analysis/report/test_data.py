from __future__ import annotations

import json

import pytest

from harness.analysis.records import load
from harness.analysis.report.data import report_data


@pytest.fixture
def data_of(write_run):
    def make(*records, **files):
        return report_data(load(write_run(records, **files)))

    return make


def test_records_of_tests_have_the_fields_of_real_ones(make_record, real_fields):
    assert list(make_record()) == real_fields


def test_every_column_has_a_value_for_each_answer(data_of, make_record):
    told = data_of(make_record("p1"), make_record("p2", error="Broken."), make_record("p1", "n@0.0"))
    assert {len(column) for column in told["answers"].values()} == {3}
    assert {len(column) for column in told["prompts"].values()} == {2}
    assert told["answers"]["prompt"] == [0, 1, 0]
    assert told["answers"]["error"] == [None, "Broken.", None]


def test_a_prompt_stands_once_and_again_where_its_text_differs(data_of, make_record):
    told = data_of(make_record("p1"), make_record("p1", "n@0.0"), make_record("p1", "o@0.0", prompt="Otherwise?"))
    assert told["prompts"]["text"] == ["What is p1?", "Otherwise?"]
    assert told["answers"]["prompt"] == [0, 0, 1]


def test_what_repeats_itself_is_a_place_in_a_list(data_of, make_record):
    told = data_of(
        make_record("p1", system="Be brief."), make_record("p2", finish_reason="length"), make_record("p3", error="No."),
    )  # fmt: skip
    assert told["values"]["system"] == ["Be brief.", None]
    assert told["answers"]["system"] == [0, 1, 1]
    assert told["values"]["reason"] == ["stop", "length", "failed"]
    assert told["answers"]["reason"] == [0, 1, 2]


def test_the_seed_stands_beside_the_parameters_that_answers_share(data_of, make_record):
    sent = [{"temperature": 0.7, "seed": seed} for seed in (1, 2)]
    told = data_of(*(make_record(f"p{n}", sampling_params=one, seed=n) for n, one in enumerate(sent)))
    assert told["values"]["parameters"] == [{"temperature": 0.7}]
    assert told["answers"]["seed"] == [0, 1]


def test_token_ids_are_left_out_and_uncertainty_is_worked_out(data_of, make_record, position):
    tokens = [position("Yes", ("Yes", 0.5), ("No", 0.25))]
    told = data_of(
        make_record("p1", token_logprobs=tokens, logprobs_of="logits", output_token_ids=[4711]), make_record("p2")
    )
    assert "4711" not in json.dumps(told["answers"])
    assert (told["answers"]["tokens"], told["vocabulary"]) == (["0,,0,5cj,1,ap3", None], ["Yes", "No"])
    assert told["answers"]["uncertainty"][1] is None
    named = dict(zip(told["values"]["uncertainty"], told["answers"]["uncertainty"][0], strict=True))
    assert (named["mean_logprob"], named["perplexity"], named["mean_margin"]) == (-0.69315, 2.0, 0.25)
    assert named["yes_no_margin"] == 0.69315


def test_numbers_are_short_and_small_costs_stay(data_of, make_record):
    told = data_of(make_record(cost_usd=0.000123456789, elapsed_seconds=12.3456789))
    assert told["answers"]["cost_usd"] == [0.00012346]
    assert told["answers"]["elapsed_seconds"] == [12.346]


def test_a_prompt_made_of_a_whole_record_does_not_bring_it_along(data_of, make_record):
    told = data_of(make_record(prompt_metadata={"gold": "short", "record": "x" * 5000}))
    assert told["prompts"]["metadata"] == [
        {"gold": "short", "record": "(5002 bytes, left out here; results.jsonl has them)"}
    ]


def test_notes_of_every_file_are_together(data_of, make_record):
    told = data_of(make_record(simulated=True), torn=b"{", events=b"?\n", run=[])
    assert [sum(word in note for note in told["notes"]) for word in ("unfinished", "simulated", "events", "run.json")] == [
        1, 1, 1, 1,
    ]  # fmt: skip


def test_an_answer_of_another_run_says_where_it_was_taken_from(data_of, make_record):
    origin = {"run_id": "first", "folder": "out/first", "cost_usd": 0.5}
    told = data_of(make_record("p1", reused_from=origin, cost_usd=0.0), make_record("p2"))
    assert told["answers"]["reused"] == ["run first, from out/first", None]
    assert (told["overview"]["total"]["reused"], told["overview"]["variants"][0]["reused"]) == (1, 1)
