from __future__ import annotations

import stat

import pytest

from harness.analysis.export.outputs import Outputs
from harness.errors import UsageError


def test_an_export_replaces_its_own_and_makes_the_folder(tmp_path):
    path = tmp_path / "new" / "deep" / "a.csv"
    outputs = Outputs(path.parent, "csv")
    outputs.write(path, [b"one"])
    outputs.write(path, [b"two", b" three"])
    assert path.read_bytes() == b"two three"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_no_export_wrote_is_left_alone(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("precious")
    with pytest.raises(UsageError, match=r"results\.jsonl is there already.*--output"):
        Outputs(tmp_path, "jsonl").write(path, [b"new"])
    assert path.read_text() == "precious"


def test_an_export_that_somebody_changed_is_left_alone(tmp_path):
    path = tmp_path / "a.csv"
    Outputs(tmp_path, "csv").write(path, [b"one"])
    path.write_text("one, and two hours of work")
    with pytest.raises(UsageError, match="is there already"):
        Outputs(tmp_path, "csv").write(path, [b"one"])
    assert path.read_text() == "one, and two hours of work"


def test_another_format_does_not_replace_it(tmp_path):
    path = tmp_path / "a"
    Outputs(tmp_path, "csv").write(path, [b"one"])
    with pytest.raises(UsageError, match="in the format parquet"):
        Outputs(tmp_path, "parquet").write(path, [b"one"])


def test_what_fails_half_way_leaves_the_file_before(tmp_path):
    def broken():
        yield b"half"
        raise UsageError("no more")

    path = tmp_path / "a.csv"
    outputs = Outputs(tmp_path, "csv")
    outputs.write(path, [b"whole"])
    with pytest.raises(UsageError, match="no more"):
        outputs.write(path, broken())
    assert path.read_bytes() == b"whole"
    assert sorted(one.name for one in tmp_path.iterdir()) == [".exports.json", "a.csv"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file/a\.csv cannot be written .*--output"):
        Outputs(tmp_path / "file", "csv").write(tmp_path / "file" / "a.csv", [b""])


def test_a_broken_note_of_what_was_written_only_means_that_nothing_is_replaced(tmp_path):
    (tmp_path / ".exports.json").write_text("[")
    outputs = Outputs(tmp_path, "csv")
    outputs.write(tmp_path / "a.csv", [b"one"])
    outputs.write(tmp_path / "a.csv", [b"two"])
    assert (tmp_path / "a.csv").read_bytes() == b"two"
