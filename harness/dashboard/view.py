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

from harness.dashboard.table import Layout, Part
from harness.snapshot import LaneState
from harness.terminal import visible
from harness.wording import duration, number, shortened, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from rich.console import RenderableType

    from harness.snapshot import LocalSnapshot, RunSnapshot, VariantSnapshot

Line = list[Part]

_ASCII = str.maketrans("━─…", "#-~")
_MESSAGES_RESERVED = 3
_NOTES_SHOWN = 3
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
    local = [local_line(status) for status in snapshot.local] if not final else []
    messages = [*held_up(snapshot.variants), *_errors(snapshot, width), *_notes(snapshot)]
    bottom = _results(snapshot.results_path, width, final=final)
    rows = sorted(snapshot.variants, key=lambda variant: variant.provider == "local")
    layout = Layout.fitting(rows, width)
    room = None if height is None else height - len(top) - 1 - len(local) - len(bottom)
    reserved = 0 if room is None else min(len(messages), _MESSAGES_RESERVED, max(1, room // 4))
    shown = rows if room is None or len(rows) + reserved <= room else _busiest(rows, max(1, room - reserved - 1))
    table = [layout.header(), *(layout.row(variant, rows, final=final) for variant in shown)]
    if len(shown) < len(rows):
        table.append(_hidden(rows, shown))
    if room is not None:
        messages = messages[: max(0, room - len(table) + 1)]
    blocks = [block for block in (top, table, local, messages, bottom) if block]
    gaps = len(blocks) - 1 if room is None else room - len(table) + 1 - len(messages)
    return _stacked(blocks, gaps)[:height]


def totals(snapshot: RunSnapshot, width: int, *, final: bool) -> Line:
    """The run in one line; what matters least goes first where it is too long."""
    counts = snapshot.counts
    percent = f" ({100 * counts.done // counts.total}%)" if counts.total else ""
    eta = f"{'at least ' if snapshot.eta_is_partial else ''}{duration(snapshot.eta_s)} left" if snapshot.eta_s else ""
    ranked: list[tuple[int, str, str]] = [
        (0, f"{counts.done}/{counts.total} done{percent}", "bold"),
        (7, f"{counts.resumed} resumed" if counts.resumed else "", "blue"),
        (1, f"{counts.failed} failed" if counts.failed else "", "red"),
        (6, f"{counts.refused} refused" if counts.refused else "", "yellow"),
        (8, f"{counts.truncated} cut off" if counts.truncated else "", "yellow"),
        (4, "" if final else f"{counts.in_flight} in flight", "cyan"),
        (3, "" if final else f"{number(snapshot.requests_per_minute)}/min", ""),
        (9, "" if final else f"{number(snapshot.tokens_per_second)} tok/s", ""),
        (5, "" if snapshot.cost_usd is None else f"${snapshot.cost_usd:.2f}", ""),
        (2, f"{duration(snapshot.elapsed_s)} elapsed", ""),
        (1, "" if final else eta, "bold"),
    ]
    ranked = [part for part in ranked if part[1]]
    while len(ranked) > 1 and sum(cell_len(text) + 2 for _, text, _ in ranked) - 2 > width:
        ranked.remove(max(ranked))
    return [part for _, text, style in ranked for part in ((text, style), ("  ", ""))][:-1]


def some(names: Sequence[str], cells: int = 40) -> str:
    """The last of `names`, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return shortened(visible(names[-1]), cells) + more


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


def local_line(status: LocalSnapshot) -> Line:
    """What the thread of one device is doing."""
    head: Line = [("local ", "dim"), (visible(status.device), "bold")]
    if status.state == "idle":
        return [*head, ("  idle", "dim")]
    head.append((f"  {visible(status.model or '')}", ""))
    if status.state == "loading":
        weights = f" {size(status.weight_bytes)}" if status.weight_bytes else ""
        return [*head, (f"  loading{weights} for {duration(status.loaded_seconds or 0.0)}", "yellow")]
    rows = f"  batch {status.rows}/{status.slots}  {status.queued} queued"
    return [*head, (f"{rows}  {number(status.tokens_per_second)} tok/s", "")]


def held_up(variants: Sequence[VariantSnapshot]) -> list[Line]:
    """Why lanes are parked or paused, once for all that share the reason, as those of one pool do."""
    names: dict[tuple[LaneState, str, datetime | None], list[str]] = {}
    for state in (LaneState.PARKED, LaneState.PAUSED):
        for variant in variants:
            if variant.state is state:
                key = (state, variant.reason or "", variant.paused_until)
                names.setdefault(key, []).append(variant.name)
    return [
        [
            (
                state.value + (f" until {until:%H:%M:%S}" if until else ""),
                "bold red" if state == "parked" else "yellow",
            ),
            ("  " + some(who), "bold"),
            (f": {visible(reason)}" if reason else "", ""),
        ]
        for (state, reason, until), who in names.items()
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
