"""Every record, flattened, one object a line. Knows no other format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from harness.analysis.export.flat import flat
from harness.analysis.export.jobs import Counted, Written
from harness.analysis.export.outputs import Outputs
from harness.json_text import to_json
from harness.wording import counted

if TYPE_CHECKING:
    from harness.analysis.export.jobs import Job


def write(job: Job) -> Written:
    """Write the file; memory holds a record at a time.

    Raises:
        UsageError, JournalCorruptError: nothing to export, or nowhere to write.
    """
    records = Counted(job.folder)
    lines = (to_json(flat(record), orjson.OPT_APPEND_NEWLINE) for record in records)
    Outputs(job.target.parent, "jsonl").write(job.target, lines)
    return Written(((job.target, counted(records.records, "record")),), records.notes())
