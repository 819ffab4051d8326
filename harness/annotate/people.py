"""The names that people label behind. Knows no label."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from harness.annotate.refused import Refused
from harness.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_NAME = 40


def clean_name(text: object) -> str:
    """A name as it is kept: trimmed, every run of white space one blank, every character visible.

    Raises:
        Refused: nothing is left of it, or more than `LONGEST_NAME` characters.
    """
    name = visible(" ".join(unicodedata.normalize("NFC", text).split())) if isinstance(text, str) else ""
    if not name:
        raise Refused("Give a name to label behind, any text of up to 40 characters.", 422)
    if len(name) > LONGEST_NAME:
        raise Refused(f"This name has {len(name)} characters; give one of up to {LONGEST_NAME}.", 422)
    return name


def known_as(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that differs from `name` in case at most, None where there is none."""
    return next((one for one in names if _folded(one) == _folded(name)), None)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
