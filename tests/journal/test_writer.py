from __future__ import annotations

import asyncio
import stat
import threading
from errno import EIO
from pathlib import Path

import pytest

from harness.errors import JournalWriteError
from harness.journal.append import AppendFile
from harness.journal.faults import FaultyOs
from harness.journal.rescue import default_side_folders
from harness.journal.writer import JournalWriter

LINES = [b"%d\n" % number for number in range(50)]


class SlowDisk(FaultyOs):
    """Each fsync says that it began, then takes until it is let through."""

    def __init__(self):
        super().__init__()
        self.began = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def fsync(self, fd, /):
        super().fsync(fd)
        self.began.release()
        self.gate.acquire(timeout=10)

    async def is_syncing(self):
        assert await asyncio.to_thread(self.began.acquire, timeout=10), "no fsync came"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "pilot" / "results.jsonl"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.fixture
def open_writer(path, tmp_path):
    def make(system=None, **options):
        system = system or FaultyOs()
        options = {"side_folders": [tmp_path], "system": system} | options
        return JournalWriter(AppendFile(path, end=0, system=system), **options)

    return make


async def in_flight(writer, lines):
    """The lines handed over, in order, each by a task that waits for its acknowledgement."""
    tasks = [asyncio.create_task(writer.append(line)) for line in lines]
    await asyncio.sleep(0)
    return tasks


async def test_an_append_returns_only_after_the_fsync_of_its_line(path, open_writer):
    disk = SlowDisk()
    writer = open_writer(disk)
    (task,) = await in_flight(writer, [b"one\n"])
    await disk.is_syncing()
    assert path.read_bytes() == b"one\n"
    assert not task.done()
    disk.gate.release()
    await task
    await writer.aclose()


async def test_lines_that_come_during_an_fsync_share_the_next_and_one_wake_of_the_loop(path, open_writer, monkeypatch):
    disk, wakes = SlowDisk(), []
    writer = open_writer(disk)
    (first,) = await in_flight(writer, LINES[:1])
    await disk.is_syncing()
    others = await in_flight(writer, LINES[1:])
    loop = asyncio.get_running_loop()
    wake = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call, *args: (wakes.append(call), wake(call, *args)))
    disk.gate.release(2)
    await asyncio.gather(first, *others)
    assert len(wakes) == 2
    await writer.aclose()
    assert disk.calls["fsync"] == 2
    assert path.read_bytes() == b"".join(LINES)


async def test_a_line_is_written_though_its_task_was_cancelled(path, open_writer):
    disk = SlowDisk()
    writer = open_writer(disk)
    tasks = await in_flight(writer, LINES[:3])
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    disk.gate.release(3)
    await writer.aclose()
    assert path.read_bytes() == b"".join(LINES[:3])


@pytest.mark.parametrize("line", [b"", b"no end", b"two\nlines\n", b"\n\n", b"{}\n "])
async def test_what_is_not_one_line_is_refused(path, open_writer, line):
    writer = open_writer()
    with pytest.raises(ValueError, match="exactly one line"):
        await writer.append(line)
    await writer.aclose()
    assert path.read_bytes() == b""


async def test_closing_writes_what_was_handed_over_and_can_be_repeated(path, open_writer):
    writer = open_writer()
    tasks = await in_flight(writer, LINES)
    await writer.aclose()
    await writer.aclose()
    await asyncio.gather(*tasks)
    assert path.read_bytes() == b"".join(LINES)
    with pytest.raises(RuntimeError, match="closed"):
        await writer.append(b"late\n")


async def test_closing_writes_what_was_handed_over_though_it_is_cancelled(path, open_writer):
    disk = SlowDisk()
    writer = open_writer(disk)
    await in_flight(writer, LINES)
    await disk.is_syncing()
    closing = asyncio.create_task(writer.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    disk.gate.release(2)
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not writer._thread.is_alive()
    assert path.read_bytes() == b"".join(LINES)


async def test_a_full_disk_is_told_once_and_its_lines_are_written_first_when_there_is_room(path, open_writer):
    disk, told = FaultyOs(room=4), []
    writer = open_writer(disk, on_trouble=told.append)
    await writer.append(b"one\n")
    assert writer.failure is None
    for line in (b"two\n", b"three\n"):
        with pytest.raises(JournalWriteError, match=r"No space left on device.*waits in memory.*Make room"):
            await writer.append(line)
    assert told == [writer.failure]
    assert writer.unwritten == 2
    disk.room = None
    await writer.append(b"four\n")
    assert writer.unwritten == 0
    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"
    await writer.aclose()
    assert told == [writer.failure]


async def test_refused_lines_are_tried_again_without_being_asked(path, open_writer):
    disk = SlowDisk()
    disk.room = 0
    disk.gate.release(100)
    writer = open_writer(disk, retry_every_s=0.001)
    with pytest.raises(JournalWriteError):
        await writer.append(b"one\n")
    disk.room = 4
    while path.read_bytes() != b"one\n":
        await disk.is_syncing()
        disk.gate.release()
    await writer.aclose()
    assert path.read_bytes() == b"one\n"


async def test_closing_tries_once_more(path, open_writer):
    disk = FaultyOs(room=0)
    writer = open_writer(disk)
    with pytest.raises(JournalWriteError):
        await writer.append(b"one\n")
    disk.room = None
    await writer.aclose()
    assert path.read_bytes() == b"one\n"


async def test_what_can_never_be_written_goes_to_a_side_file_that_completes_the_journal(path, tmp_path, open_writer):
    journal_disk = FaultyOs(room=len(b"".join(LINES[:10])) + 1)
    other_disk = FaultyOs()
    writer = JournalWriter(
        AppendFile(path, end=0, system=journal_disk), side_folders=[tmp_path / "missing", tmp_path], system=other_disk
    )
    tasks = await in_flight(writer, LINES)
    with pytest.raises(JournalWriteError) as failed:
        await writer.aclose()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result is None for result in results] == [True] * 10 + [False] * 40
    (side,) = tmp_path.glob("results-pilot-*.jsonl")
    assert f"The last 40 results that came back are in {side}." in str(failed.value)
    assert f"cat {side} >> {path}" in str(failed.value)
    assert writer.failure is failed.value
    assert stat.S_IMODE(side.stat().st_mode) == 0o600
    assert path.read_bytes() + side.read_bytes() == b"".join(LINES)


async def test_when_no_place_takes_the_lines_it_says_that_they_are_lost(open_writer):
    writer = open_writer(FaultyOs(room=0))
    with pytest.raises(JournalWriteError):
        await writer.append(b"one\n")
    with pytest.raises(JournalWriteError, match="the last result that came back is lost"):
        await writer.aclose()


async def test_a_failed_fsync_is_overcome_on_a_fresh_descriptor_without_the_run_noticing(path, open_writer):
    failed = []

    def first_fsync(n, call):
        if call == "fsync" and not failed:
            failed.append(n)
            return EIO
        return None

    writer = open_writer(FaultyOs(first_fsync))
    await writer.append(b"one\n")
    await writer.append(b"two\n")
    await writer.aclose()
    assert failed
    assert writer.failure is None
    assert path.read_bytes() == b"one\ntwo\n"


async def test_an_error_nobody_thought_of_costs_no_line(path, open_writer):
    class Exhausted(FaultyOs):
        def write(self, fd, data, /):
            if not self.calls["write"]:
                self._play("write")
                raise MemoryError
            return super().write(fd, data)

    writer = open_writer(Exhausted())
    with pytest.raises(JournalWriteError, match="MemoryError"):
        await writer.append(b"one\n")
    await writer.append(b"two\n")
    await writer.aclose()
    assert path.read_bytes() == b"one\ntwo\n"


def test_lines_are_written_though_their_loop_is_gone(path, open_writer):
    disk = SlowDisk()

    async def leave():
        writer = open_writer(disk)
        await in_flight(writer, [b"one\n"])
        return writer

    with asyncio.Runner() as runner:
        writer = runner.run(leave())
    disk.gate.release(5)
    writer._handed_over.put(None)
    writer._thread.join()
    assert path.read_bytes() == b"one\n"


def test_the_temporary_folder_is_the_first_place_to_turn_to(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert default_side_folders()[0] == Path("/var/tmp")
    monkeypatch.delenv("TMPDIR")
    assert default_side_folders()[0] == Path("/tmp")


async def test_several_lines_are_durable_when_the_call_returns_and_in_their_order(open_writer, path):
    system = FaultyOs()
    writer = open_writer(system)
    await writer.append_all(iter(LINES))
    assert path.read_bytes() == b"".join(LINES)
    assert system.calls["fsync"] < len(LINES)
    await writer.aclose()


async def test_of_several_lines_the_disk_refuses_none_is_dropped(open_writer, path):
    system = FaultyOs(room=len(b"".join(LINES[:10])))
    writer = open_writer(system)
    with pytest.raises(JournalWriteError):
        await writer.append_all(LINES)
    system.room = None
    await writer.aclose()
    assert path.read_bytes() == b"".join(LINES)
