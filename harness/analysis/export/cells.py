r"""CSV that spreadsheets open without running it, and the way back. Knows no column.

Files are UTF-8 with a byte order mark, without which Excel reads them in another encoding and then saves them so;
pandas and polars skip it, and Python's csv module does with the encoding `utf-8-sig`. Lines end in CRLF as
in RFC 4180; line breaks inside a cell stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from harness.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BOM = "\ufeff"
_CHUNK = 1 << 16
# The apostrophes are part of it so that `unguarded` can tell one that was there before.
# Spreadsheets may pass over white space first, and take full-width signs for the plain ones.
_ACTS = re.compile(r"'*(?:[\t\r]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")

SPREADSHEET_CELL = 32_767
"""Characters that a cell of Excel or LibreOffice holds; what is longer is cut or spilled over when it is opened."""


def guarded(text: str) -> str:
    """`text`, behind an apostrophe where a spreadsheet would take it for a formula."""
    return "'" + text if _ACTS.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith("'") and _ACTS.match(text) else text


def cell(value: Any) -> str:
    """`value` as a cell: null is empty, what is nested is JSON; only texts are guarded, numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return guarded(value if isinstance(value, str) else to_json(value).decode())


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The file, piece by piece. `rows` are cells already; the header is guarded here."""
    buffer = io.StringIO(newline="")
    buffer.write(_BOM)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([guarded(name) for name in header])
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > _CHUNK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
