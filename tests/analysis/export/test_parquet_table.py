from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.analysis.export import export_command, parquet_table
from harness.errors import UsageError

HOSTILE = "=1+1\r\n\x00\u202e</script>\u2028é🙂"


def read(folder):
    return pq.read_table(folder / "export" / "results.parquet")


def as_record(row):
    """A row of the table with what is JSON in it decoded, and the parts of structs that are null left out."""
    made = dict(row)
    for name in ("prompt_metadata", "runtime", "template"):
        made[name] = made[name] and json.loads(made[name])
    return _without_nulls(made)


def _without_nulls(value):
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def test_every_record_is_read_back_as_it_was(run_folder, make_record, local_record, capsys):
    records = [
        make_record(text=HOSTILE, prompt_metadata={"gold_label": {"exists": True}, "n": [1, None]}),
        make_record("p1", error="Overloaded."),
        make_record("p3", reused_from={"run_id": "r", "folder": "out/r", "cost_usd": 0.5}, cost_usd=0.0),
        make_record("p2", messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
        local_record,
    ]
    folder = run_folder(*records)
    assert export_command(folder, form="parquet") == 0
    rows = [as_record(row) for row in read(folder).to_pylist()]
    expected = [_without_nulls(record) for record in records]
    for record in expected:
        record["timestamp"] = datetime.fromisoformat(record["timestamp"])
    assert rows == expected
    assert ": 5 records\n" in capsys.readouterr().out


def test_the_columns_are_the_fields_of_a_record(make_record):
    assert parquet_table.schema().names == list(make_record())


def test_nested_columns_are_typed(run_folder, make_record):
    folder = run_folder(make_record())
    export_command(folder, form="parquet")
    schema = read(folder).schema
    assert schema.field("token_logprobs").type.value_type.field("top_logprobs").type == pa.list_(pa.float64())
    assert schema.field("tokens_used").type.field("input").type == pa.int64()
    assert schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert schema.field("is_synthetic_probe").type == pa.bool_()


def test_a_time_is_the_same_instant_whatever_its_offset(run_folder, make_record):
    folder = run_folder(make_record(timestamp="2026-07-26T11:30:00.25+02:00"))
    export_command(folder, form="parquet")
    assert read(folder)["timestamp"].to_pylist() == [datetime(2026, 7, 26, 9, 30, 0, 250_000, tzinfo=UTC)]


def test_a_stop_that_is_one_text_is_a_list_of_it(run_folder, make_record):
    folder = run_folder(make_record(sampling_params={"temperature": 1, "stop": "\n"}))
    export_command(folder, form="parquet")
    [row] = read(folder)["sampling_params"].to_pylist()
    assert (row["temperature"], row["stop"]) == (1.0, ["\n"])


def test_long_texts_go_into_row_groups_of_their_own(run_folder, make_record, monkeypatch):
    monkeypatch.setattr(parquet_table, "_CHARACTERS", 1 << 20)
    texts = [letter * (1 << 20) for letter in "abc"]
    folder = run_folder(*(make_record(f"p{n}", text=text) for n, text in enumerate(texts)))
    export_command(folder, form="parquet")
    assert read(folder)["full_response"].to_pylist() == texts
    assert pq.ParquetFile(folder / "export" / "results.parquet").num_row_groups == 3


@pytest.mark.parametrize("facts", [{"seed": 2**64}, {"repeat": "twice"}, {"timestamp": "yesterday"}])
def test_a_value_that_does_not_fit_is_named_with_its_item(run_folder, make_record, facts):
    bad = make_record("p1", **facts)
    folder = run_folder(make_record(), bad)
    with pytest.raises(UsageError, match=rf"{bad['item_id']} does not fit.*--format jsonl"):
        export_command(folder, form="parquet")
    assert not (folder / "export" / "results.parquet").exists()


def test_without_pyarrow_it_says_how_to_install_it(run_folder, make_record, monkeypatch):
    folder = run_folder(make_record())
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match=r"pip install -c constraints.txt -e '\.\[analysis\]'"):
        export_command(folder, form="parquet")
    assert not (folder / "export").exists()
