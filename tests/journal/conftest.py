from __future__ import annotations

import orjson
import pytest

from harness.digests import digest16


@pytest.fixture(scope="session")
def item():
    """The digest of the n-th item."""
    return lambda n: digest16(f"item {n}")


@pytest.fixture(scope="session")
def line(item):
    """A record of the n-th item, as a line; `pad` makes it longer."""

    def make(n: int, error: str | None = None, pad: int = 0) -> bytes:
        record = {"item_id": item(n).hex(), "n": n, "pad": "x" * pad, "error": error}
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    return make


@pytest.fixture
def journal(tmp_path):
    """Writes the lines of a journal and returns its path."""

    def write(*lines: bytes):
        path = tmp_path / "results.jsonl"
        path.write_bytes(b"".join(lines))
        return path

    return write
