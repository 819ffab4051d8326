"""Small pieces of English: verbs, lists, days. Knows nothing of what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


def either(values: Iterable[Any]) -> str:
    """The values that differ, with "or" between them; None is none."""
    return " or ".join(dict.fromkeys(str(value) for value in values if value is not None))


def are(count: int) -> str:
    """The verb for so many."""
    return "is" if count == 1 else "are"


def were(count: int) -> str:
    """The verb for so many, in the past."""
    return "was" if count == 1 else "were"


def between(first: date, last: date) -> str:
    """`on` one day, or `from` the one `to` the other."""
    return f"on {first}" if first == last else f"from {first} to {last}"


def days(first: date, last: date) -> str:
    """A day, or the first and the last."""
    return str(first) if first == last else f"{first} to {last}"


def listed(texts: Iterable[str]) -> str:
    """`a, b and c`."""
    every = list(texts)
    return every[0] if len(every) == 1 else ", ".join(every[:-1]) + f" and {every[-1]}" if every else ""
