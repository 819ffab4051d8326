"""Records with answers, and folders that hold them."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def record(plain_record):
    """A line of results.jsonl, decoded, with this answer."""
    return plain_record


@pytest.fixture
def folder(tmp_path):
    """Write records into a run's folder of that name."""

    def write(name, *records):
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        (place / "results.jsonl").write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))
        return place

    return write
