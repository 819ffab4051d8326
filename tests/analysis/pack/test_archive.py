from __future__ import annotations

import hashlib
import zipfile

import pytest

from harness.analysis.pack.archive import names_in, refuse_other_files, write_sums, write_zip
from harness.errors import UsageError


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    for name in ("b", "a", "sub/c", "Z"):
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


def test_sums_cover_every_other_file_in_the_form_of_sha256sum(files):
    write_sums(files)
    lines = (files / "SHA256SUMS").read_text().splitlines()
    assert lines == [f"{hashlib.sha256(name.encode() * 1000).hexdigest()}  {name}" for name in ("Z", "a", "b", "sub/c")]


def test_a_zip_holds_the_files_sorted_and_is_the_same_each_time(files, tmp_path):
    write_zip(files, tmp_path / "one.zip")
    for path in files.rglob("*"):
        path.touch()
        path.chmod(0o700)
    write_zip(files, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == names_in(files) == ["Z", "a", "b", "sub/c"]
        assert archive.read("sub/c") == b"sub/c" * 1000


def test_a_zip_that_cannot_be_written_leaves_what_was_there(files, tmp_path, monkeypatch):
    output = tmp_path / "one.zip"
    write_zip(files, output)
    before = output.read_bytes()

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.analysis.pack.archive.shutil.copyfileobj", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_zip(files, output)
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "one.zip"]


@pytest.mark.parametrize("names", [(), ("word/document.xml",), ("SHA256SUMS", "METHODS.md"), ("results.jsonl",)])
def test_a_zip_that_is_no_pack_is_refused(tmp_path, names):
    output = tmp_path / "thesis.docx"
    with zipfile.ZipFile(output, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(UsageError, match="is there and is no pack"):
        refuse_other_files(output)


def test_a_pack_may_be_replaced_and_a_damaged_one_not(tmp_path):
    output = tmp_path / "pack.zip"
    with zipfile.ZipFile(output, "w") as archive:
        for name in ("METHODS.md", "SHA256SUMS", "results.jsonl", "run.json"):
            archive.writestr(name, "x")
    refuse_other_files(output)
    output.write_bytes(output.read_bytes()[:-10])
    with pytest.raises(UsageError, match="is no pack"):
        refuse_other_files(output)
