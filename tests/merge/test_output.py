from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from harness.errors import JournalLockedError, JournalWriteError, UsageError
from harness.merge.output import refuse_output, whole_folder
from tests.merge.run_folders import line


@pytest.fixture
def inputs(folders):
    folders.make("a", line(1))
    return folders.inputs(Path("a"))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("a", "is one of the folders to merge"),
        ("./b/../a", "is one of the folders to merge"),
        ("link", "is one of the folders to merge"),
        ("a/deep/inside", "lies in a"),
        ("file", "is a file"),
        ("run", "holds a run already"),
        ("begun", "holds a run already"),
        ("full", "is not empty, it holds notes.txt"),
        (".", "is not empty"),
        ("n" * 300, "cannot be a folder"),
    ],
)
def test_what_is_no_new_folder_is_refused_and_stays(folders, inputs, output, said):
    Path("link").symlink_to("a")
    Path("file").touch()
    folders.make("run", line(1))
    Path("begun").mkdir()
    Path("begun/run.json").touch()
    Path("full").mkdir()
    Path("full/notes.txt").touch()
    before = sorted(Path.cwd().rglob("*"))

    with pytest.raises(UsageError, match=said):
        refuse_output(Path(output), inputs)

    assert sorted(Path.cwd().rglob("*")) == before


def test_a_new_or_an_empty_folder_is_taken(inputs):
    Path("empty").mkdir()

    for output in ("empty", "new", "deep/new"):
        refuse_output(Path(output), inputs)
        with whole_folder(Path(output)) as beside:
            (beside / "results.jsonl").touch()
            assert not (Path(output) / "results.jsonl").exists()
        assert (Path(output) / "results.jsonl").exists()
        assert stat.S_IMODE(Path(output).stat().st_mode) == 0o700
    assert [path.name for path in Path.cwd().iterdir() if path.name.startswith(".")] == []


def _interrupted(output: Path) -> None:
    with whole_folder(output) as beside:
        (beside / "results.jsonl").touch()
        raise KeyboardInterrupt


def test_after_an_error_nothing_is_there(inputs):
    with pytest.raises(KeyboardInterrupt):
        _interrupted(Path("m"))

    assert [path.name for path in Path.cwd().iterdir()] == ["a"]


def test_what_a_killed_merge_left_is_replaced(inputs):
    left = Path(".m.merging")
    left.mkdir()
    for name in ("results.jsonl", "run.json", ".events.jsonl.0a1b2c3d.tmp", "conflicts.jsonl", ".lock"):
        (left / name).write_text("old")

    with whole_folder(Path("m")) as beside:
        assert [path.name for path in beside.iterdir()] == [".lock"]
        (beside / "results.jsonl").write_text("new")

    assert sorted(path.name for path in Path("m").iterdir()) == [".lock", "results.jsonl"]
    assert not left.exists()


def test_a_folder_of_that_name_that_no_merge_left_stays_as_it_is(inputs):
    Path(".m.merging").mkdir()
    for name in ("results.jsonl", "thesis.tex"):
        (Path(".m.merging") / name).touch()

    with pytest.raises(UsageError, match=r"holds thesis\.tex, which no merge wrote"), whole_folder(Path("m")):
        pass

    assert sorted(path.name for path in Path(".m.merging").iterdir()) == [".lock", "results.jsonl", "thesis.tex"]


def test_two_merges_into_one_folder_do_not_meet(inputs):
    with whole_folder(Path("m")) as beside:
        (beside / "results.jsonl").write_text("first")
        with pytest.raises(JournalLockedError), whole_folder(Path("m")):
            pass

    assert Path("m/results.jsonl").read_text() == "first"


def _late(output: Path) -> None:
    with whole_folder(output) as beside:
        (beside / "results.jsonl").touch()
        output.mkdir()
        (output / "results.jsonl").write_text("theirs")


def test_a_run_that_took_the_place_meanwhile_is_left_alone(inputs):
    with pytest.raises(UsageError, match="was made by somebody else meanwhile"):
        _late(Path("m"))

    assert Path("m/results.jsonl").read_text() == "theirs"
    assert not Path(".m.merging").exists()


def test_a_full_disk_is_a_sentence(inputs, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(JournalWriteError, match=r"m was not made \(No space left on device\)"), whole_folder(Path("m")):
        monkeypatch.setattr(os, "rename", full)

    assert [path.name for path in Path.cwd().iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written_to_is_refused(inputs, monkeypatch):
    with pytest.raises(UsageError, match="cannot be used for results"), whole_folder(Path("a/results.jsonl/m")):
        pass
