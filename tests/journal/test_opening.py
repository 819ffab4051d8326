from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime
from errno import EIO, ENOSPC

import pytest

from harness.errors import JournalCorruptError, JournalLockedError, JournalWriteError, UsageError
from harness.journal import open_journal, read_records, scan
from harness.journal.faults import FaultyOs


async def test_a_new_folder_begins_with_an_empty_private_journal(tmp_path):
    async with open_journal(tmp_path / "out" / "pilot") as journal:
        assert journal.path == tmp_path / "out" / "pilot" / "results.jsonl"
        assert (journal.found.records, journal.set_aside) == (0, ())
        assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


async def test_what_was_appended_is_found_when_it_is_opened_again(tmp_path, line, item):
    async with open_journal(tmp_path) as journal:
        await asyncio.gather(*(journal.writer.append(line(n)) for n in range(5)))
    async with open_journal(tmp_path) as journal:
        assert set(journal.found.done) == {item(n) for n in range(5)}
        await journal.writer.append(line(5))
    assert [record["n"] for record in read_records(tmp_path / "results.jsonl")] == list(range(6))


async def test_a_folder_is_opened_once_at_a_time(tmp_path):
    async with open_journal(tmp_path):
        with pytest.raises(JournalLockedError):
            async with open_journal(tmp_path):
                pass
    async with open_journal(tmp_path):
        pass


async def test_a_torn_tail_is_set_aside_and_named(journal, line):
    path = journal(line(1), b"torn")
    async with open_journal(path.parent, now=lambda: datetime(2026, 1, 2, tzinfo=UTC)) as opened:
        assert opened.set_aside == (path.with_name("results.jsonl.torn-20260102T000000.000000Z"),)
        await opened.writer.append(line(2))
    assert path.read_bytes() == line(1) + line(2)


async def test_corruption_stops_the_run_and_changes_nothing(journal, line):
    path = journal(line(1), b"garbage\n", line(2), b"torn")
    before = path.read_bytes()
    with pytest.raises(JournalCorruptError, match="line 2"):
        async with open_journal(path.parent):
            pass
    assert path.read_bytes() == before


async def test_repair_sets_corruption_and_tail_aside_and_goes_on(journal, line):
    path = journal(line(1), b"garbage\n", line(2), b"torn")
    async with open_journal(path.parent, repair=True) as opened:
        assert [aside.read_bytes() for aside in opened.set_aside] == [b"2\tgarbage\n", b"torn"]
        assert opened.found.records == 2
    assert path.read_bytes() == line(1) + line(2)


async def test_an_error_in_the_block_does_not_cost_what_was_handed_over(tmp_path, line):
    async def run():
        async with open_journal(tmp_path) as journal:
            append = asyncio.create_task(journal.writer.append(line(1)))
            await asyncio.sleep(0)
            raise ZeroDivisionError
        await append

    with pytest.raises(ZeroDivisionError):
        await run()
    assert scan(tmp_path / "results.jsonl").records == 1


async def test_a_cancelled_run_does_not_lose_what_was_handed_over(tmp_path, line):
    async def run():
        async with open_journal(tmp_path) as journal:
            appends = [asyncio.create_task(journal.writer.append(line(n))) for n in range(3)]
            started.set()
            await asyncio.gather(*appends, asyncio.Event().wait())

    started = asyncio.Event()
    task = asyncio.create_task(run())
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scan(tmp_path / "results.jsonl").records == 3
    async with open_journal(tmp_path):
        pass


async def test_a_disk_that_fails_on_the_way_in_is_a_sentence_and_frees_the_folder(journal, line):
    path = journal(line(1), b"torn")
    with pytest.raises(JournalWriteError, match=r"Input/output error.*Nothing was sent"):
        async with open_journal(path.parent, system=FaultyOs(lambda n, call: EIO if call == "ftruncate" else None)):
            pass
    async with open_journal(path.parent) as opened:
        assert opened.found.records == 1


async def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"No space left.*another output folder"):
        async with open_journal(tmp_path / "new", system=FaultyOs(lambda n, call: ENOSPC if call == "fsync" else None)):
            pass


async def test_the_end_of_the_block_names_the_file_of_what_could_not_be_written(tmp_path, line, monkeypatch):
    async def run():
        async with open_journal(tmp_path / "pilot", on_trouble=told.append) as journal:
            await journal.writer.append(line(1))
            journal.path.rename(tmp_path / "moved")
            with pytest.raises(JournalWriteError, match="No such file"):
                await journal.writer.append(line(2))

    told = []
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    with pytest.raises(JournalWriteError, match=r"cat .*elsewhere/results-pilot-.* >> .*pilot/results\.jsonl"):
        await run()
    (side,) = (tmp_path / "elsewhere").iterdir()
    assert side.read_bytes() == line(2)
    assert len(told) == 1
