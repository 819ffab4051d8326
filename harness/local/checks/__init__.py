"""What `check` finds out about local models before any weights are loaded."""

from __future__ import annotations
