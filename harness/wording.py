"""Numbers, durations, names and counted nouns, in as few terminal cells as they need. Knows nothing of snapshots."""

from __future__ import annotations

import math

from rich.cells import cell_len, set_cell_size

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KILO = 1000


def duration(seconds: float) -> str:
    """`4:07`, `1:02:03`, `2d 04h`."""
    whole = math.ceil(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    if whole < _DAY:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}h"


def number(value: float) -> str:
    """`0`, `0.4`, `3.2`, `4812`, `12.5k`: never more than five characters, so that a column does not grow."""
    if value == 0:
        return "0"
    if value < 9.95:  # noqa: PLR2004 - from here on, one decimal would round up to two digits before it
        return f"{value:.1f}"
    if value < 10 * _KILO:
        return f"{value:.0f}"
    if value < 999.5 * _KILO:
        return f"{value / _KILO:.3g}k"
    if value < 999.5 * _KILO**2:
        return f"{value / _KILO**2:.3g}M"
    return f"{value / _KILO**3:.3g}G"


def size(n_bytes: float) -> str:
    """`2.8 MB`, `640 MB`, `12.3 GB`; powers of 1000."""
    if n_bytes < 9.95 * _KILO**2:
        return f"{n_bytes / _KILO**2:.1f} MB"
    if n_bytes < 999.5 * _KILO**2:
        return f"{n_bytes / _KILO**2:.0f} MB"
    return f"{n_bytes / _KILO**3:.1f} GB"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 item`, `2 items`."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def shortened(text: str, cells: int) -> str:
    """`text` within `cells`, cut in the middle: a variant's end tells its temperature."""
    if cell_len(text) <= cells:
        return text
    tail = ""
    for character in reversed(text):
        if cell_len(character + tail) > (cells - 1) * 2 // 5:
            break
        tail = character + tail
    return set_cell_size(text, cells - 1 - cell_len(tail)) + "…" + tail


def padded(text: str, cells: int, *, right: bool) -> str:
    """`text` in exactly `cells`, its end cut off where it is longer."""
    missing = cells - cell_len(text)
    if missing < 0:
        return set_cell_size(text, cells - 1) + "…" if cells > 0 else ""
    return " " * missing + text if right else text + " " * missing
