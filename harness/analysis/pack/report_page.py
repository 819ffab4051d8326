"""A report without what names somebody. Knows how a report holds its data; knows nothing of what they show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from harness.analysis.report.page import embedded_json

if TYPE_CHECKING:
    from harness.analysis.pack.redaction import Redactor

_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


def clean_report(page: str, redactor: Redactor, file: str) -> str:
    """`page` with everything but the words of prompts and models cleaned; the same text where nobody is named."""
    found = _DATA.search(page)
    if found is None:
        return redactor.text(page, file, names=False)
    data = found[2]
    if redactor.holds(data):
        before = orjson.loads(data)
        after = redactor.tree(before, file, names=True)
        data = data if after == before else embedded_json(after)
    head, tail = (redactor.text(part, file, names=False) for part in (page[: found.start(2)], page[found.end(2) :]))
    return head + data + tail
