"""A recorded local answer made again, and compared. Knows no provider of an API."""

from __future__ import annotations
