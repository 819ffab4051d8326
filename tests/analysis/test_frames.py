from __future__ import annotations

import json
import sys

import pandas as pd
import pytest

from harness import read_results
from harness.errors import JournalCorruptError, UsageError

RUNTIME = {"dtype": "float32", "slots": 16}


def record(number, *, error=None, **fields):
    facts = {
        "item_id": f"a{number:031x}",
        "run_id": "r",
        "schema_version": 1,
        "prompt_metadata": {"gold": {"exists": True}, "refs": ["a"]},
        "full_response": None if error else f"answer {number}",
        "tokens_used": None if error else {"input": 3, "output": 4, "total": 7},
        "token_logprobs": [{"logprob": -0.5}],
        "output_token_ids": [1, 2],
        "sampling_params": {"temperature": 0.7, "seed": None},
        "runtime": None,
        "elapsed_seconds": 1.5,
    }
    return facts | fields | {"error": error}


@pytest.fixture
def folder(tmp_path):
    """A folder of four items: one failed and was answered later, one failed only, one was answered twice."""
    write(
        tmp_path,
        record(1, error="no"),
        record(2, runtime=RUNTIME, sampling_params={"temperature": 0.0, "seed": 2**53 + 1}),
        record(1),
        record(3, error="gone"),
        record(2, full_response="again"),
        record(4, prompt_metadata={"gold": None}),
    )
    return tmp_path


def write(folder, *records):
    lines = [json.dumps(one, separators=(",", ":")) + "\n" for one in records]
    (folder / "results.jsonl").write_text("".join(lines))


def test_records_come_one_per_item_and_again_at_each_iteration(folder):
    reader = read_results(folder)
    assert [one["item_id"][-1] for one in reader] == ["2", "1", "3", "4"]
    assert [one["error"] for one in reader] == [None, None, "gone", None]


def test_records_are_read_only_as_far_as_they_are_asked_for(folder):
    first = next(iter(read_results(folder)))
    assert first["full_response"] == "answer 2"


def test_a_journal_is_as_good_as_its_folder(folder):
    assert list(read_results(str(folder / "results.jsonl"))) == list(read_results(folder))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match=r"run\.json is no folder of a run"):
        read_results(tmp_path / "run.json")


def test_a_folder_without_results_is_refused_when_it_is_read(tmp_path):
    reader = read_results(tmp_path)
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        next(iter(reader))
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        reader.to_pandas()


def test_a_corrupt_line_is_named(folder):
    (folder / "results.jsonl").write_text("{broken\n" + json.dumps(record(1)) + "\n")
    with pytest.raises(JournalCorruptError, match="line 1"):
        list(read_results(folder))


def test_a_pandas_frame_has_a_row_per_item_and_a_column_per_nested_field(folder):
    frame = read_results(folder).to_pandas()
    assert frame["item_id"].str[-1].tolist() == ["2", "1", "3", "4"]
    assert frame["sampling_params.temperature"].tolist() == [0.0, 0.7, 0.7, 0.7]
    assert frame["tokens_used.output"].tolist() == [4, 4, pd.NA, 4]
    assert frame["prompt_metadata.refs"].tolist()[:3] == [["a"]] * 3
    assert frame["runtime.dtype"].tolist()[0] == "float32"


def test_whole_numbers_stay_whole_where_some_are_missing(folder):
    frame = read_results(folder).to_pandas()
    assert frame["sampling_params.seed"].dtype == "Int64"
    assert frame["sampling_params.seed"].iloc[0] == 2**53 + 1
    assert frame["prompt_metadata.gold.exists"].dtype == "boolean"
    assert frame["elapsed_seconds"].dtype == "float64"


def test_columns_stand_in_the_order_of_the_records_fields_and_null_parents_are_left_out(folder):
    columns = list(read_results(folder).to_pandas().columns)
    assert columns[0] == "item_id"
    assert columns[-1] == "error"
    assert columns.index("runtime.slots") < columns.index("elapsed_seconds")
    assert {"runtime", "tokens_used", "prompt_metadata.gold"}.isdisjoint(columns)


def test_logprobs_and_token_ids_are_there_only_on_request(folder):
    reader = read_results(folder)
    assert {"token_logprobs", "output_token_ids"}.isdisjoint(reader.to_pandas().columns)
    assert reader.to_pandas(logprobs=True)["token_logprobs"].iloc[0] == [{"logprob": -0.5}]
    assert reader.to_polars(logprobs=True)["output_token_ids"].to_list() == [[1, 2]] * 4


def test_answers_only_are_the_rows_of_the_readmes_filter(folder):
    frame = read_results(folder).to_pandas(answers_only=True)
    # The order is that of the journal in both.
    df = pd.read_json(folder / "results.jsonl", lines=True)
    answers = df[df.error.isna()].drop_duplicates("item_id")
    assert frame["item_id"].tolist() == answers["item_id"].tolist()
    assert frame["full_response"].tolist() == answers["full_response"].tolist() == ["answer 2", "answer 1", "answer 4"]


def test_a_polars_frame_says_the_same(folder):
    reader = read_results(folder)
    frame, other = reader.to_polars(), reader.to_pandas()
    assert frame.columns == list(other.columns)
    assert frame["item_id"].to_list() == other["item_id"].tolist()
    assert frame["tokens_used.output"].to_list() == [4, 4, None, 4]
    assert reader.to_polars(answers_only=True).height == 3


def test_what_is_of_several_types_is_json_text_in_polars_and_loses_nothing(tmp_path):
    mixed = [{"note": [1]}, {"note": "x"}, {"note": None}]
    parts = [{"turns": [{"a": 1}]}, {"turns": [{"b": 2}]}, {"turns": None}]
    write(
        tmp_path, *(record(n, prompt_metadata=one | two) for n, (one, two) in enumerate(zip(mixed, parts, strict=True)))
    )
    frame = read_results(tmp_path).to_polars()
    assert frame["prompt_metadata.note"].to_list() == ["[1]", '"x"', None]
    assert frame["prompt_metadata.turns"].to_list() == [[{"a": 1, "b": None}], [{"a": None, "b": 2}], None]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_missing_library_is_named_with_the_way_to_install_it(folder, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"needs {name}.*pip install"):
        getattr(read_results(folder), f"to_{name}")()


@pytest.mark.parametrize("to", ["to_pandas", "to_polars"])
def test_where_nothing_was_answered_the_columns_are_there(tmp_path, to):
    write(tmp_path, record(1, error="gone"), record(2, error="gone"))
    frame = getattr(read_results(tmp_path), to)(answers_only=True)
    assert len(frame) == 0
    assert list(frame.columns) == list(getattr(read_results(tmp_path), to)().columns)
    assert {"item_id", "full_response", "sampling_params.temperature", "error"} <= set(frame.columns)


@pytest.mark.parametrize("others", [[], [None]])
def test_whole_numbers_that_are_too_large_stay_as_they_are(tmp_path, others):
    seeds = [2**64 - 1, 3, *others]
    write(tmp_path, *(record(n, sampling_params={"seed": seed}) for n, seed in enumerate(seeds)))
    reader = read_results(tmp_path)
    assert reader.to_pandas()["sampling_params.seed"].dtype == "object"
    assert reader.to_pandas()["sampling_params.seed"].tolist() == seeds
    assert [None if one is None else int(one) for one in reader.to_polars()["sampling_params.seed"].to_list()] == seeds


def test_no_two_values_share_a_name_and_empty_objects_are_kept(tmp_path):
    clashing = {"a.b": 1, "a": {"b": 2}}
    metadata = [clashing, {"x": {}}, {}]
    write(tmp_path, *(record(n, prompt_metadata=one) for n, one in enumerate(metadata)))
    frame, other = read_results(tmp_path).to_pandas(), read_results(tmp_path).to_polars()
    assert frame["prompt_metadata"].tolist() == [clashing, None, {}]
    assert frame["prompt_metadata.x"].tolist() == [None, {}, None]
    assert other["prompt_metadata"].to_list() == [clashing, None, {"a.b": None, "a": None}]
    assert other["prompt_metadata.x"].to_list() == [None, {}, None]
