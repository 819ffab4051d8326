"""`harness report`: reads a folder, writes one HTML file, says where it is. Knows nothing of what is in the file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.analysis.records import load
from harness.analysis.report.data import report_data
from harness.analysis.report.page import BEGINNING, page
from harness.errors import UsageError
from harness.findings import say
from harness.journal import atomic_write
from harness.terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

REPORT_NAME = "report.html"


def report_command(folder: Path, *, output: Path | None = None) -> int:
    """Write the report of `folder` and print where it is.

    Returns:
        The exit code.

    Raises:
        UsageError, JournalCorruptError: as `write_report`.
    """
    path = write_report(folder, output)
    sys.stdout.write(f"The report is {visible(str(path))}: open it in a browser.\n")
    return 0


def write_report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of `folder` to `output`, `report.html` in the folder where none is named; returns where it is.

    What has to be said of the folder (a torn tail, simulated answers) stands in the file, and goes to stderr.

    Raises:
        UsageError: there are no results, or the file cannot be written.
        JournalCorruptError: a line of the journal is no record.
    """
    path = output or folder / REPORT_NAME
    _refuse_other_files(path)
    data = report_data(load(folder))
    for note in data["notes"]:
        say(f"note: {note}")
    try:
        atomic_write(path, page(f"Report on {visible(str(folder))}", data))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}). Name a file in a folder that exists with --output."
        ) from error
    return path


def _refuse_other_files(path: Path) -> None:
    """A slip in --output must not cost a journal.

    Raises:
        UsageError: there is a file that is no report.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(len(BEGINNING))
    except OSError:
        return
    if beginning != BEGINNING:
        raise UsageError(f"{path} is there and is no report. Name another file with --output, or move it away.")
