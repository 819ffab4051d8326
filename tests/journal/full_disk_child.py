"""Inside a mount namespace of its own: fills a real 1 MB disk through the journal, makes room, and goes on.

Prints a JSON object of what happened. Arguments: an empty folder to mount on, a folder for side files.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from harness.digests import digest16
from harness.errors import JournalWriteError
from harness.journal import open_journal, scan

if TYPE_CHECKING:
    from collections.abc import Callable

PAD = 40_000


def line(n: int) -> bytes:
    record = {"item_id": digest16(f"item {n}").hex(), "n": n, "pad": "x" * PAD, "error": None}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


async def fill(folder: Path, items: int, make_room: Callable[[], None]) -> dict[str, object]:
    """Append all items at once, more than there is room for; make room before the end."""
    outcomes: list[BaseException | None] = []
    closing = None
    try:
        async with open_journal(folder) as journal:
            appends = (journal.writer.append(line(n)) for n in range(items))
            outcomes = await asyncio.gather(*appends, return_exceptions=True)
            make_room()
    except JournalWriteError as error:
        closing = str(error)
    return {
        "acknowledged": [n for n, outcome in enumerate(outcomes) if outcome is None],
        "refused": sorted({str(outcome) for outcome in outcomes if outcome is not None}),
        "closing": closing,
        "records": scan(folder / "results.jsonl").records,
        "torn": scan(folder / "results.jsonl").torn,
    }


def main(disk: Path, side: Path) -> None:
    os.environ["TMPDIR"] = str(side)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    stays_full = asyncio.run(fill(disk / "stays-full", 40, make_room=lambda: None))
    subprocess.run(["rm", "-r", disk / "stays-full"], check=True)
    gets_room = asyncio.run(fill(disk / "gets-room", 20, make_room=ballast.unlink))
    sys.stdout.buffer.write(orjson.dumps({"stays_full": stays_full, "gets_room": gets_room}))


main(Path(sys.argv[1]), Path(sys.argv[2]))
