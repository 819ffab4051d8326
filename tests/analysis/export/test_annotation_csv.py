from __future__ import annotations

import json

import pytest

from harness.analysis.export import export_command
from harness.errors import UsageError

FIELDS = ["hallucination", "abstained", "types", "severity", "citations", "notes"]


def tables(folder):
    return sorted((folder / "export" / "annotation-csv").glob("annotation-*.csv"))


def test_two_coders_get_the_same_answers_in_orders_of_their_own(run_folder, make_record, read_csv):
    folder = run_folder(*(make_record(f"p{n}", text=f"answer {n}") for n in range(9)))
    export_command(folder, form="annotation-csv")
    first, second = ([row["answer"] for row in read_csv(path)] for path in tables(folder))
    assert sorted(first) == sorted(second) == sorted(f"answer {n}" for n in range(9))
    assert first != second


def test_a_table_is_blind_and_has_a_column_for_each_field(run_folder, make_record, read_csv):
    records = [make_record(model="GPT-X", temperature=0.7), make_record("p1", model="GPT-X", temperature=0.7)]
    folder = run_folder(*records)
    export_command(folder, form="annotation-csv")
    for path in tables(folder):
        rows = read_csv(path)
        assert list(rows[0]) == ["item", "prompt", "answer", "gold", *FIELDS]
        assert {row[name] for row in rows for name in FIELDS} == {""}
        told = ["GPT-X", "0.7", "run-1", *(record["item_id"] for record in records)]
        assert [word for word in told if word in path.read_text()] == []


def test_each_coder_who_has_labelled_gets_a_table(run_folder, make_record, label):
    record = make_record()
    folder = run_folder(record)
    for coder in ("anna", "../bob"):
        label(folder, record, coder, hallucination="no", abstained="no")
    export_command(folder, form="annotation-csv")
    key = json.loads((folder / "export" / "annotation-csv-key.json").read_text())
    assert sorted(key["coders"].values()) == ["../bob", "anna"]
    assert {path.name for path in tables(folder)} == set(key["coders"])


def test_the_seed_draws_other_orders(run_folder, make_record, read_csv):
    folder = run_folder(*(make_record(f"p{n}") for n in range(9)))
    export_command(folder, form="annotation-csv")
    before = [row["item"] for row in read_csv(tables(folder)[0])]
    export_command(folder, form="annotation-csv", seed=1)
    after = [row["item"] for row in read_csv(tables(folder)[0])]
    assert before != after
    assert sorted(before) == sorted(after)


def test_a_table_that_a_coder_has_begun_is_never_written_over(run_folder, make_record):
    folder = run_folder(make_record())
    export_command(folder, form="annotation-csv")
    path = tables(folder)[1]
    filled = path.read_text() + "xx,yes"
    path.write_text(filled)
    others = {one: one.read_bytes() for one in tables(folder)}
    with pytest.raises(UsageError, match="is there already"):
        export_command(folder, form="annotation-csv", seed=5)
    assert {one: one.read_bytes() for one in tables(folder)} == others


def test_hostile_answers_are_text_in_a_cell(run_folder, make_record, read_csv):
    folder = run_folder(make_record(text="=1+1"), make_record("p1", text="'@x\r\n" + "y" * 1_000_000))
    export_command(folder, form="annotation-csv")
    assert sorted(row["answer"][:4] for row in read_csv(tables(folder)[0])) == ["''@x", "'=1+"]


def test_texts_longer_than_a_cell_are_said(run_folder, make_record, capsys):
    export_command(run_folder(make_record(text="y" * 40_000)), form="annotation-csv")
    assert "longer than the 32767 characters" in capsys.readouterr().err


def test_coders_get_the_rubric_and_never_the_key(run_folder, make_record, tmp_path, capsys):
    folder = run_folder(make_record())
    export_command(folder, form="annotation-csv", output=tmp_path / "for coders")
    given = {path.name for path in (tmp_path / "for coders").iterdir()}
    assert "rubric.yaml" in given
    assert [name for name in given if "key" in name] == []
    assert (folder / "export" / "annotation-csv-key.json").exists()
    assert "keep it from the coders" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("{name: answer, type: text}", "a table has a column of that name"),
        ("{name: kinds, type: multi, options: [{value: 'a; b'}]}", "separates the values"),
    ],
)
def test_a_rubric_that_no_table_can_hold_is_refused(run_folder, make_record, field, said):
    folder = run_folder(make_record())
    (folder / "rubric.yaml").write_text(f"name: r\nfields: [{field}]\n")
    with pytest.raises(UsageError, match=said):
        export_command(folder, form="annotation-csv")
