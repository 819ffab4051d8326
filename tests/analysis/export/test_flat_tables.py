from __future__ import annotations

import json

import pandas as pd
import pytest

from harness.analysis.export import export_command, flat_csv
from harness.analysis.export.cells import cell
from harness.analysis.export.flat import flat
from harness.errors import UsageError

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx", "'=x", 'a,b;"c"\r\nd\n', "\x00\x1b[2J", "\u202e</script>"]


def test_jsonl_holds_every_record_flattened(run_folder, make_record, local_record):
    records = [make_record(text=text, prompt=f"p{n}") for n, text in enumerate(HOSTILE)]
    folder = run_folder(*records, make_record("px", error="Overloaded."), local_record)
    export_command(folder, form="jsonl")
    lines = (folder / "export" / "results-flat.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    read = [json.loads(line) for line in lines]
    assert read == [flat(record) for record in (*records, make_record("px", error="Overloaded."), local_record)]
    assert read[0]["tokens_used.input"] == 9
    assert read[-1]["runtime.dtype"] == "float32"


def test_csv_holds_every_value_of_every_record(run_folder, make_record, local_record, read_csv):
    records = [*(make_record(text=text, prompt=f"p{n}") for n, text in enumerate(HOSTILE)), local_record]
    folder = run_folder(*records)
    export_command(folder, form="csv")
    rows = read_csv(folder / "export" / "results.csv")
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        values = flat(record)
        assert row == {name: cell(values.get(name)) for name in row}
        assert set(values) <= set(row)
    assert [row["full_response"] for row in rows[:8]] == [
        "'=HYPERLINK(1)", "'+1", "'-1", "'@x", "'\tx", "'\rx", "''=x", 'a,b;"c"\r\nd\n',
    ]  # fmt: skip
    assert json.loads(rows[0]["token_logprobs"]) == records[0]["token_logprobs"]


def test_columns_stand_in_the_order_of_the_record_and_parts_together(run_folder, make_record, read_csv):
    folder = run_folder(make_record(prompt_metadata={}), make_record("p1", prompt_metadata={"=x": 1}))
    export_command(folder, form="csv")
    names = list(read_csv(folder / "export" / "results.csv")[0])
    assert names[0] == "item_id"
    assert names[-1] == "error"
    place = names.index("prompt_metadata.=x")
    assert (names[place - 1], names[place + 1]) == ("is_synthetic_probe", "provider")


def test_pandas_reads_it_without_being_told_anything(run_folder, make_record):
    folder = run_folder(make_record(), make_record("p1", error="Overloaded."))
    export_command(folder, form="csv")
    frame = pd.read_csv(folder / "export" / "results.csv")
    assert frame["item_id"].tolist() == [make_record()["item_id"], make_record("p1")["item_id"]]
    assert frame["elapsed_seconds"].tolist() == [1.25, 1.25]


def test_a_text_longer_than_a_cell_is_whole_and_said(run_folder, make_record, read_csv, capsys):
    folder = run_folder(make_record(text="x" * 1_000_000))
    export_command(folder, form="csv")
    assert read_csv(folder / "export" / "results.csv")[0]["full_response"] == "x" * 1_000_000
    assert "full_response hold cells of more than 32767 characters" in capsys.readouterr().err


def test_a_run_that_goes_on_meanwhile_loses_no_column(run_folder, make_record, monkeypatch):
    folder = run_folder(make_record(prompt_metadata={}))
    found = flat_csv._columns

    def and_then_one_more(folder):
        columns = found(folder)
        with (folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(make_record("p1", prompt_metadata={"new": 1})) + "\n")
        return columns

    monkeypatch.setattr(flat_csv, "_columns", and_then_one_more)
    with pytest.raises(UsageError, match="when it has ended"):
        export_command(folder, form="csv")
    assert not (folder / "export" / "results.csv").exists()


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl", "label-studio", "annotation-csv", "seed-json"])
def test_a_torn_tail_and_simulated_answers_are_said(run_folder, make_record, capsys, form):
    folder = run_folder(make_record(simulated=True), make_record("p1"))
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"item_id":"half')
    export_command(folder, form=form)
    said = capsys.readouterr().err
    assert "ends in 16 bytes of an unfinished line" in said
    assert "1 of 2" in said
    assert "simulated" in said
