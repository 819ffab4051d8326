from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import JournalLockedError, UsageError
from harness.journal.lock import folder_lock
from harness.merge.inputs import read_inputs, refuse_changed
from tests.merge.run_folders import line


def test_folders_come_in_their_order_with_what_their_run_json_says(folders):
    one, other = folders.make("b", line(1), run_id="rb"), folders.make("a", line(2), shard="1/2")

    inputs = read_inputs([one, other])

    assert [(one.folder, one.manifest.run_id, one.manifest.shard) for one in inputs] == [
        (one, "rb", None),
        (other, "a", "1/2"),
    ]


def test_what_is_no_runs_folder_is_refused_by_name(folders):
    good, bare = folders.make("good", line(1)), folders.make("bare", line(1))
    (bare / "run.json").unlink()
    Path("file").touch()

    for path in (Path("nowhere"), Path("file"), folders.place):
        with pytest.raises(UsageError, match=f"no results.jsonl in {path}"):
            read_inputs([good, path])
    with pytest.raises(UsageError, match=r"no run\.json in .*bare"):
        read_inputs([good, bare])
    with pytest.raises(UsageError, match="nothing to merge"):
        read_inputs([])


def test_one_folder_under_two_names_is_refused(folders):
    folders.make("a", line(1))
    Path("link").symlink_to("a")

    for again in (Path("a"), Path("./a/../a"), Path("link")):
        with pytest.raises(UsageError, match="are one folder"):
            read_inputs([Path("a"), again])


def test_a_folder_that_is_being_written_is_refused(folders):
    folder = folders.make("a", line(1))

    with folder_lock(folder), pytest.raises(JournalLockedError, match="is being written by process"):
        read_inputs([folder])


@pytest.mark.parametrize("name", ["results.jsonl", "run.json", "events.jsonl"])
def test_a_folder_that_somebody_wrote_to_meanwhile_is_refused(folders, name):
    inputs = folders.inputs(folders.make("a", line(1)), folders.make("b", line(2)))
    refuse_changed(inputs)

    with (inputs[1].folder / name).open("ab") as file:
        file.write(b"\n")

    with pytest.raises(UsageError, match="b was changed while it was read"):
        refuse_changed(inputs)


def test_a_run_that_has_begun_meanwhile_is_refused(folders):
    inputs = folders.inputs(folders.make("a", line(1)))

    with folder_lock(inputs[0].folder), pytest.raises(JournalLockedError):
        refuse_changed(inputs)
