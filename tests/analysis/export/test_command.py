from __future__ import annotations

import pytest

from harness.analysis.export import export_command
from harness.analysis.export.command import FORMATS
from harness.errors import UsageError


def test_an_unknown_format_is_refused_with_the_list(run_folder, make_record):
    with pytest.raises(
        UsageError, match=r"'xlsx'.*parquet, csv, jsonl, label-studio, annotation-csv, adjudicated-csv, seed-json"
    ):
        export_command(run_folder(make_record()), form="xlsx")


@pytest.mark.parametrize("form", [one.name for one in FORMATS])
def test_a_folder_without_results_is_refused_and_left_as_it_is(tmp_path, form):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        export_command(tmp_path, form=form)
    (tmp_path / "results.jsonl").touch()
    with pytest.raises(UsageError, match="holds no results yet"):
        export_command(tmp_path, form=form)
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize("form", [one.name for one in FORMATS])
def test_exporting_again_replaces_what_was_exported(run_folder, make_record, label, form):
    record = make_record()
    folder = run_folder(record)
    label(folder, record, "anna", hallucination="no", abstained="no")
    export_command(folder, form=form)
    before = {path: path.stat().st_ino for path in (folder / "export").rglob("*") if path.is_file()}
    export_command(folder, form=form)
    after = {path: path.stat().st_ino for path in (folder / "export").rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    assert all(after[path] != before[path] for path in after)


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_an_output_is_a_file_or_the_folder_that_it_is_to_lie_in(run_folder, make_record, tmp_path, form, capsys):
    folder = run_folder(make_record())
    export_command(folder, form=form, output=tmp_path / "new" / "table")
    export_command(folder, form=form, output=tmp_path)
    default = next(one.default for one in FORMATS if one.name == form)
    assert (tmp_path / "new" / "table").is_file()
    assert (tmp_path / default).is_file()
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / 'new' / 'table'}: 1 record" + (", 38 columns" if form == "csv" else ""),
        f"{tmp_path / default}: 1 record" + (", 38 columns" if form == "csv" else ""),
    ]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "adjudicated-csv"])
def test_no_export_replaces_the_journal(run_folder, make_record, label, form):
    record = make_record()
    folder = run_folder(record)
    label(folder, record, "anna", hallucination="no", abstained="no")
    (folder / "link").symlink_to("results.jsonl")
    before = (folder / "results.jsonl").read_bytes()
    for name in ("results.jsonl", "annotations.jsonl", "link"):
        with pytest.raises(UsageError, match="is there already"):
            export_command(folder, form=form, output=folder / name)
    assert (folder / "results.jsonl").read_bytes() == before


@pytest.mark.parametrize("form", ["label-studio", "annotation-csv", "seed-json"])
def test_several_files_need_a_folder(run_folder, make_record, tmp_path, form):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file, and"):
        export_command(run_folder(make_record()), form=form, output=tmp_path / "file")


def test_a_place_that_cannot_be_written_is_named(run_folder, make_record, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        export_command(run_folder(make_record()), form="csv", output=tmp_path / "file" / "a.csv")


def test_what_a_record_says_cannot_act_on_the_terminal(run_folder, make_record, capsys):
    folder = run_folder(make_record(variant="\x1b]52;c;x\x07@0.0"))
    export_command(folder, form="seed-json")
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\\x1b]52" in captured.out
