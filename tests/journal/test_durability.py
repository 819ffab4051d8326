"""The journal's promise, on real files and real processes: what was acknowledged is there, and a resumed run is whole."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

import harness
from harness.errors import JournalWriteError
from harness.journal import open_journal, read_records, scan
from harness.journal.faults import FaultyOs

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(harness.__file__).parents[1])}


async def finish(folder, line, item, items):
    """What a resumed run does: ask for what is not done. Every item then has one answer, and no item two successes."""
    async with open_journal(folder, system=FaultyOs()) as journal:
        todo = [n for n in items if item(n) not in journal.found.done]
        await asyncio.gather(*(journal.writer.append(line(n)) for n in todo))
    records = map(orjson.loads, (folder / "results.jsonl").read_bytes().splitlines())
    assert sorted(record["n"] for record in records if record["error"] is None) == sorted(items)
    return todo


def test_a_journal_cut_at_any_byte_is_resumed_without_gap_or_repetition(tmp_path, line, item):
    golden = [line(0), line(1, error="503"), line(2), line(1), line(3)]
    whole = b"".join(golden)
    ends = [len(b"".join(golden[:count])) for count in range(len(golden) + 1)]
    for cut in range(len(whole) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "results.jsonl").write_bytes(whole[:cut])
        lines_left = sum(end <= cut for end in ends) - 1
        done = {orjson.loads(kept)["n"] for kept in golden[:lines_left] if kept.endswith(b"null}\n")}
        assert asyncio.run(finish(folder, line, item, range(4))) == [n for n in range(4) if n not in done]
        torn = [path.read_bytes() for path in folder.glob("*.torn-*")]
        assert torn == ([whole[ends[lines_left] : cut]] if cut > ends[lines_left] else [])


def test_killed_again_and_again_nothing_acknowledged_is_lost(tmp_path, line, item):
    items, acknowledged, torn = 300, set(), 0
    path = tmp_path / "results.jsonl"
    for killed_after in (1, 7, 15, 30):
        command = [sys.executable, HERE / "killed_child.py", tmp_path, str(items), "200000"]
        with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE) as child:
            said = [child.stdout.readline() for _ in range(killed_after)]
            child.send_signal(signal.SIGKILL)
            said += child.stdout.readlines()
        numbers = {int(word) for word in said if word.endswith(b"\n")}
        assert len(numbers) >= killed_after
        assert not numbers & acknowledged, "an item that was done was asked again"
        acknowledged |= numbers
        found = scan(path)
        torn += found.torn > 0
        assert {item(n) for n in acknowledged} <= set(found.done)
        assert found.duplicates == 0
    assert len(asyncio.run(finish(tmp_path, line, item, range(items)))) <= items - len(acknowledged)
    assert len(list(tmp_path.glob("*.torn-*"))) == torn


async def test_a_file_size_limit_of_the_system_cuts_a_write_short_and_costs_nothing(tmp_path, line, item):
    """The kernel itself writes 1 500 of a record's bytes and refuses the others, as on a full disk."""
    told = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = len(line(0, pad=1000))
    async with open_journal(tmp_path, on_trouble=told.append) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, hard))
        try:
            await journal.writer.append(line(0, pad=1000))
            with pytest.raises(JournalWriteError, match=r"File too large.*Make room"):
                await journal.writer.append(line(1, pad=1000))
            assert journal.path.stat().st_size == size
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await journal.writer.append(line(2, pad=1000))
        assert len(told) == 1
    assert [record["n"] for record in read_records(tmp_path / "results.jsonl")] == [0, 1, 2]


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory):
    """What happened on a real disk of 1 MB."""
    probe = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare(1) to mount a small disk with")
    mount = tmp_path_factory.mktemp("disk")
    may = subprocess.run(
        [*probe, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], check=False, capture_output=True, text=True
    )
    if may.returncode:
        pytest.skip(f"no small disk can be mounted here: {may.stderr.strip()}")
    side = tmp_path_factory.mktemp("side")
    command = [*probe, sys.executable, HERE / "full_disk_child.py", mount, side]
    ran = subprocess.run(command, check=False, env=ENVIRONMENT, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    return {**orjson.loads(ran.stdout), "side": side}


def test_a_full_disk_keeps_whole_records_and_saves_the_rest_elsewhere(full_disk):
    story = full_disk["stays_full"]
    (side,) = full_disk["side"].iterdir()
    saved = [orjson.loads(line)["n"] for line in side.read_bytes().splitlines()]
    assert story["acknowledged"]
    assert story["torn"] == 0
    assert story["records"] == len(story["acknowledged"])
    assert sorted(story["acknowledged"] + saved) == list(range(40))
    assert str(side) in story["closing"]
    assert all("No space left on device" in refused for refused in story["refused"])


def test_a_full_disk_that_gets_room_before_the_end_has_every_record(full_disk):
    story = full_disk["gets_room"]
    assert story["refused"]
    assert len(story["acknowledged"]) < 20
    assert (story["records"], story["torn"], story["closing"]) == (20, 0, None)
