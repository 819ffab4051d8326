"""A snapshot as one frame of the dashboard. Pure: knows neither terminal nor clock.

Every text that a provider, a model or a config may have written goes through `terminal.visible` and into a
`rich.text.Text`; nothing is ever read as markup.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from harness.dashboard.lines import fitting
from harness.dashboard.phrases import held_up, local_line, oldest_line, some, spent
from harness.dashboard.table import Layout
from harness.snapshot import LaneState
from harness.terminal import visible
from harness.wording import duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from harness.dashboard.lines import Line, Ranked
    from harness.snapshot import RunSnapshot, VariantSnapshot

_ASCII = str.maketrans("━─…", "#-~")
_MESSAGES_RESERVED = 3
_NOTES_SHOWN = 3
_OLD_S = 5.0
_BY_INTEREST = (LaneState.RUNNING, LaneState.PAUSED, LaneState.PARKED, LaneState.WAITING, LaneState.DONE)


def render(
    snapshot: RunSnapshot, width: int, height: int | None = None, *, final: bool = False, ascii_only: bool = False
) -> RenderableType:
    """One frame, at most `width` cells wide and `height` lines tall (None: as tall as it is).

    Args:
        final: the frame that stays on screen: nothing goes on any more.
        ascii_only: for terminals whose encoding has no line-drawing characters.
    """
    return Group(*(_text(line, width, ascii_only=ascii_only) for line in lines(snapshot, width, height, final=final)))


def lines(snapshot: RunSnapshot, width: int, height: int | None, *, final: bool) -> list[Line]:
    """The frame's lines, from the top. Where `height` is short, messages go first, then rows that do nothing."""
    top = [*_banner(snapshot), totals(snapshot, width, final=final)]
    work = [] if final else _work(snapshot, width)
    messages = [*held_up(snapshot, final=final), *_errors(snapshot, width), *_notes(snapshot)]
    bottom = _results(snapshot.results_path, width, final=final)
    rows = sorted(snapshot.variants, key=lambda variant: variant.provider == "local")
    layout = Layout.fitting(rows, width)
    room = None if height is None else height - len(top) - 1 - len(work) - len(bottom)
    reserved = 0 if room is None else min(len(messages), _MESSAGES_RESERVED, max(1, room // 4))
    shown = rows if room is None or len(rows) + reserved <= room else _busiest(rows, max(1, room - reserved - 1))
    table = [layout.header(), *(layout.row(variant, rows, snapshot.at, final=final) for variant in shown)]
    if len(shown) < len(rows):
        table.append(_hidden(rows, shown))
    if room is not None:
        messages = messages[: max(0, room - len(table) + 1)]
    blocks = [block for block in (top, table, work, messages, bottom) if block]
    gaps = len(blocks) - 1 if room is None else room - len(table) + 1 - len(messages)
    return _stacked(blocks, gaps)[:height]


def totals(snapshot: RunSnapshot, width: int, *, final: bool) -> Line:
    """The run in one line; what matters least goes first where it is too long."""
    counts = snapshot.counts
    percent = f" ({100 * counts.done // counts.total}%)" if counts.total else ""
    eta = f"{'at least ' if snapshot.eta_is_partial else ''}{duration(snapshot.eta_s)} left" if snapshot.eta_s else ""
    ranked: list[Ranked] = [
        (0, f"{counts.done}/{counts.total} done{percent}", "bold"),
        (7, f"{counts.resumed} resumed" if counts.resumed else "", "blue"),
        (1, f"{counts.failed} failed" if counts.failed else "", "red"),
        (6, f"{counts.refused} refused" if counts.refused else "", "yellow"),
        (8, f"{counts.truncated} cut off" if counts.truncated else "", "yellow"),
        (5, "" if final or counts.in_flight is None else f"{counts.in_flight} in flight", "cyan"),
        (4, "" if final else f"{number(snapshot.requests_per_minute)}/min", ""),
        (9, "" if final else f"{number(snapshot.tokens_per_second)} tok/s", ""),
        (3, spent(snapshot), ""),
        (2, f"{duration(snapshot.elapsed_s)} elapsed", ""),
        (1, "" if final else eta, "bold"),
    ]
    return fitting(ranked, width)


def _work(snapshot: RunSnapshot, width: int) -> list[Line]:
    oldest = oldest_line(snapshot, _OLD_S, width)
    return [*([oldest] if oldest else []), *(local_line(status, width) for status in snapshot.local)]


def _banner(snapshot: RunSnapshot) -> list[Line]:
    simulated = sum(variant.simulated for variant in snapshot.variants)
    if not simulated:
        return []
    which = "all" if simulated == len(snapshot.variants) else f"{simulated} of {len(snapshot.variants)}"
    return [
        [
            (" SIMULATED ", "bold reverse yellow"),
            (f" {which} variants are answered by a stand-in, not by the model they name", "yellow"),
        ]
    ]


def _errors(snapshot: RunSnapshot, width: int) -> list[Line]:
    return [
        [
            (f"error {error.at:%H:%M:%S}" + (f" {error.count}x" if error.count > 1 else ""), "red"),
            (f"  {some(error.variants, max(16, width // 4))}:" if error.variants else " ", "bold"),
            (" " + visible(error.message), ""),
        ]
        for error in reversed(snapshot.errors)
    ]


def _notes(snapshot: RunSnapshot) -> list[Line]:
    latest = reversed(snapshot.notes[-_NOTES_SHOWN:])
    return [[(f"note  {note.at:%H:%M:%S}", "dim"), ("  " + visible(note.message), "")] for note in latest]


def _results(path: Path | None, width: int, *, final: bool) -> list[Line]:
    """How to follow the answers as they come. Without jq's -r: it would hand control characters to the terminal."""
    if path is None:
        return []
    if final:
        return [[("results  ", "dim"), (visible(str(path)), "")]]
    follow = f"tail -f {visible(shlex.quote(str(path)))}"
    forms = [f"{follow} | jq -c '[.variant, .prompt_id, .full_response]'", f"{follow} | jq ."]
    fitting = (form for form in forms if cell_len(form) <= width)
    return [[(next(fitting, follow), "dim")]]


def _busiest(rows: Sequence[VariantSnapshot], at_most: int) -> list[VariantSnapshot]:
    ranked = sorted(range(len(rows)), key=lambda index: _BY_INTEREST.index(rows[index].state))
    return [rows[index] for index in sorted(ranked[:at_most])]


def _hidden(rows: Sequence[VariantSnapshot], shown: Sequence[VariantSnapshot]) -> Line:
    names = {variant.name for variant in shown}
    states = [variant.state for variant in rows if variant.name not in names]
    told = ", ".join(f"{states.count(state)} {state}" for state in _BY_INTEREST if state in states)
    return [(f"and {len(states)} more: {told}", "dim")]


def _stacked(blocks: Iterable[list[Line]], gaps: int) -> list[Line]:
    """The blocks below each other, with an empty line between them as long as there are `gaps` to give."""
    stacked: list[Line] = []
    for block in blocks:
        if stacked and gaps > 0:
            stacked.append([])
            gaps -= 1
        stacked += block
    return stacked


def _text(line: Line, width: int, *, ascii_only: bool) -> Text:
    text = Text(no_wrap=True, overflow="crop")
    for part, style in line:
        safe = part.translate(_ASCII).encode("ascii", "replace").decode() if ascii_only else part
        text.append(safe, style or None)
    text.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    return text
