"""The local thread: requests in, engines fed, outcomes out. Knows no torch."""

from __future__ import annotations
