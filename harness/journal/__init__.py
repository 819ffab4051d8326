"""results.jsonl, durable and resumable: one writer, any number of readers, nothing counted before it is on disk.

- `opening`: the way in: lock, mend, scan, write
- `writer`: a thread that commits lines in groups
- `append`: the file underneath, which grows by whole lines only; `rescue`: where lines go that it cannot take
- `reader`: scan for what is done; one record per item; `bulk`: how a long journal is scanned
- `answers`: the answers by their items; `line`: what one line is; `form`: how a success begins and ends
- `follow`: what is appended while another process writes; `tail`: what the last minute held
- `recovery`: torn tails and corrupt lines, set aside
- `lock`: one writer per folder
- `files`: atomic, private, durable files for everything else
- `faults`: an operating system that fails on demand, for tests
"""

from harness.journal.answers import StoredAnswers
from harness.journal.files import atomic_write, make_private_folder
from harness.journal.opening import RESULTS_NAME, Journal, open_journal
from harness.journal.reader import Scan, read_records, scan
from harness.journal.writer import JournalWriter

__all__ = [
    "RESULTS_NAME",
    "Journal",
    "JournalWriter",
    "Scan",
    "StoredAnswers",
    "atomic_write",
    "make_private_folder",
    "open_journal",
    "read_records",
    "scan",
]
