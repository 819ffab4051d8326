"""Makes untrusted text safe to show on a terminal, by turning what would act into what can be read. Knows no screen.

A model's answer may hold escape sequences that move the cursor or write the clipboard, and bidirectional controls that
show a line in another order than it has. `rich.text.Text` passes all of them on, so everything that was not written by
this program goes through `visible` before it is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 200
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = r"\xad\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_ACTING = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_BIDI}{_INVISIBLE}]")
_ACTING_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_BIDI}{_INVISIBLE}]")


def visible(text: str, *, multiline: bool = False) -> str:
    r"""`text` with each character that acts instead of showing replaced by its Python escape, such as `\x1b`.

    These are the C0 and C1 controls, DEL, bidirectional controls, lone surrogates, line and paragraph separators and
    characters that show nothing at all. The joiners that emoji and Indic scripts need stay. Newlines and tabs are
    escaped too unless `multiline`. A backslash is left as it is: the result is for eyes, not for parsing.
    """
    if text.isprintable():
        return text
    return (_ACTING_IN_LINES if multiline else _ACTING).sub(_escape, text)


def table_screen() -> Console:
    """Stdout as a console for tables, which shows text as it is; a file or a pipe is as wide as any table needs."""
    from rich.console import Console  # noqa: PLC0415 - not for those who print no table

    screen = Console(markup=False, emoji=False, highlight=False)
    if not screen.is_terminal:
        screen.width = _WIDE
    return screen


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")
