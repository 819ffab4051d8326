"""A process to be killed: appends long records as fast as it can, and says on stdout which are acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import orjson

from harness.digests import digest16
from harness.journal import open_journal

PRODUCERS = 8


async def main(folder: Path, items: int, pad: int) -> None:
    async with open_journal(folder) as journal:
        todo = iter([n for n in range(items) if digest16(f"item {n}") not in journal.found.done])

        async def produce() -> None:
            for n in todo:
                record = {"item_id": digest16(f"item {n}").hex(), "n": n, "pad": "x" * pad, "error": None}
                await journal.writer.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                os.write(1, b"%d\n" % n)

        await asyncio.gather(*(produce() for _ in range(PRODUCERS)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
