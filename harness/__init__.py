"""Every prompt against every model, each answer captured once, with all its evidence."""

from __future__ import annotations

__version__ = "0.1.0"
