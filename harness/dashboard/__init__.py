"""What a run looks like while it goes on: a live table, plain lines, or one JSON object per event."""

from __future__ import annotations

from harness.dashboard.display import Display, display_for

__all__ = ["Display", "display_for"]
