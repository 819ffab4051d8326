from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.local_memory import _peak_mb

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux resets a peak")


def test_what_is_freed_again_counts_and_what_was_freed_before_does_not():
    """50 MB that are gone when the work ends, and 200 MB that were gone before it began."""

    def work(much: bool) -> None:
        assert b"x" * (50_000_000 if much else 1)

    assert b"x" * 200_000_000
    assert _peak_mb(work, True) - _peak_mb(work, False) == pytest.approx(50.0, abs=5.0)
