"""Records with answers, and folders that hold them."""

from __future__ import annotations

import json

import pytest

GOLD = {
    "gold_label": {"exists": True, "description": "CVE-2018-14667 affects Red Hat JBoss RichFaces Framework."},
    "gold_points": ["CVE-2018-14667 is a published CVE record.", "It affects Red Hat JBoss RichFaces Framework."],
    "entity": "CVE-2018-14667",
}


@pytest.fixture
def gold():
    """What a prompt about a real CVE carries."""
    return GOLD


@pytest.fixture
def record(plain_record):
    """A line of results.jsonl, decoded, with this answer."""

    def make(number=1, answer="It is.", *, error=None, **facts):
        return plain_record(number, answer, error=error, **{"prompt_metadata": GOLD} | facts)

    return make


@pytest.fixture
def folder(tmp_path):
    """Write records into a run's folder."""

    def write(*records):
        place = tmp_path / "out"
        place.mkdir(exist_ok=True)
        (place / "results.jsonl").write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))
        return place

    return write
