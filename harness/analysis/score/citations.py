"""CVE ids in a text. Knows no list of real ones."""

from __future__ import annotations

import re

_CVE = re.compile(r"\bCVE[-_ \u2010-\u2015\u2212]?(\d{4})[-_\u2010-\u2015\u2212](\d{4,})", re.IGNORECASE)
"""Four digits or more: the CVE Program's change of the syntax of ids, 2014."""


def cve_ids(text: str) -> list[str]:
    """Each id once, in the order and the form `CVE-2021-44228`, however its hyphens are written."""
    return list(dict.fromkeys(f"CVE-{year}-{number}" for year, number in _CVE.findall(text)))


def foreign_cve_ids(answer: str, *known: str) -> list[str]:
    """The ids in `answer` that stand in none of the `known` texts."""
    given = {one for text in known for one in cve_ids(text)}
    return [one for one in cve_ids(answer) if one not in given]
