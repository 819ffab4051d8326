from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys

import pytest

from harness.analysis.report import report_command, write_report
from harness.errors import JournalCorruptError, UsageError


def test_the_report_goes_into_the_folder_and_is_private(write_run, make_record):
    folder = write_run([make_record()])
    path = write_report(folder)
    assert path == folder / "report.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "It is p1." in path.read_text()


def test_the_command_says_where_it_is(write_run, make_record, tmp_path, capsys):
    folder = write_run([make_record()])
    assert report_command(folder, output=tmp_path / "other.html") == 0
    told = capsys.readouterr()
    assert told.out == f"The report is {tmp_path / 'other.html'}: open it in a browser.\n"
    assert told.err == ""
    assert not (folder / "report.html").exists()


def test_nothing_in_a_path_acts_on_the_terminal(write_run, make_record, tmp_path, capsys):
    report_command(write_run([make_record()]), output=tmp_path / "a\x1b]0;b\x07.html")
    assert r"a\x1b]0;b\x07.html" in capsys.readouterr().out


def test_a_torn_tail_and_simulated_answers_are_said(write_run, make_record, capsys):
    folder = write_run([make_record(simulated=True)], torn=b'{"item_id":"00')
    text = write_report(folder).read_text()
    err = capsys.readouterr().err
    for sentence in ("ends in 14 bytes of an unfinished line; read up to it.", "1 of 1 answers are simulated"):
        assert sentence in err
        assert sentence in text


def test_the_diary_and_the_manifest_are_read_where_they_are_there(write_run, make_record, manifest, capsys):
    events = [{"time": "2026-07-26T10:00:00+00:00", "event": "retry", "variant": "m@0.0"}]
    text = write_report(write_run([make_record()], run=manifest, events=events)).read_text()
    assert "prompts/mine.json" in text
    assert '"retry":[1]' in text
    assert capsys.readouterr().err == ""


def test_a_second_report_replaces_the_first(write_run, make_record):
    folder = write_run([make_record()])
    write_report(folder)
    write_run([make_record(full_response="Something else.")])
    assert "Something else." in write_report(folder).read_text()


@pytest.mark.parametrize("name", ["results.jsonl", "notes.txt"])
def test_a_file_that_is_no_report_is_never_replaced(write_run, make_record, name):
    folder = write_run([make_record()])
    (folder / "notes.txt").write_text("mine")
    before = (folder / name).read_bytes()
    with pytest.raises(UsageError, match="is there and is no report"):
        write_report(folder, folder / name)
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("name", ["missing/report.html", "folder"])
def test_a_place_that_cannot_be_written_gets_a_sentence(write_run, make_record, tmp_path, name):
    (tmp_path / "folder").mkdir()
    folder = write_run([make_record()])
    with pytest.raises(UsageError, match=r"cannot be written \(.+\)\. Name a file in a folder that exists"):
        write_report(folder, tmp_path / name)
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_folder_without_results_gets_a_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl in"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_journal_gets_a_sentence(write_run):
    with pytest.raises(UsageError, match="holds no results yet"):
        write_report(write_run([]))


def test_another_schema_version_gets_a_sentence(write_run, make_record):
    with pytest.raises(UsageError, match="records of schema version 0"):
        write_report(write_run([make_record(schema_version=0)]))


def test_a_corrupt_line_is_named(write_run, make_record):
    folder = write_run([make_record()], torn=b"{}\n" + b'{"item_id":"' + b"0" * 32 + b'","error":null}\n')
    with pytest.raises(JournalCorruptError, match="line 2"):
        write_report(folder)


def test_the_core_is_enough(write_run, make_record, position):
    extra = ["pandas", "pyarrow", "sklearn", "scipy", "statsmodels", "krippendorff", "starlette", "uvicorn", "jinja2"]
    folder = write_run([make_record(token_logprobs=[position("a", ("a", 0.5))], logprobs_of="provider")])
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({[*extra, 'torch', 'transformers']!r}))\n"
        "from pathlib import Path; from harness.analysis.report import report_command\n"
        f"sys.exit(report_command(Path({str(folder)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_whose_name_is_not_utf_8_is_shown_with_escapes(write_run, make_record, tmp_path):
    folder = tmp_path / os.fsdecode(b"run-\xff")
    shutil.copytree(write_run([make_record()], torn=b'{"item_id":"00'), folder)
    (folder / "scores.jsonl").write_text("no mark\n")
    text = write_report(folder).read_text()
    assert rf"<title>Report on {tmp_path}/run-\udcff</title>" in text
    assert text.count(r"run-\\udcff") > 1
