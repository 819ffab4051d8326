"""What a snapshot's facts read like in words, for every display. Knows neither frames nor their width.

A text that a provider, a model or a config may have written goes through `terminal.visible`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.cells import cell_len

from harness.dashboard.lines import fitting
from harness.in_flight import RequestState
from harness.money import dollars
from harness.snapshot import LaneState
from harness.terminal import visible
from harness.wording import duration, number, shortened, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from harness.dashboard.lines import Line, Part, Ranked
    from harness.in_flight import OldestRequest
    from harness.snapshot import LocalSnapshot, RunSnapshot, VariantSnapshot

_STATE_STYLES = {
    LaneState.WAITING: "dim",
    LaneState.RUNNING: "",
    LaneState.PAUSED: "yellow",
    LaneState.PARKED: "bold red",
    LaneState.DONE: "green",
}
_LONG_S = 120
_DAY = timedelta(days=1)


def spent(snapshot: RunSnapshot) -> str:
    """`$1.23`, `$1.23 of $5.00`, or nothing where nothing has a price."""
    if snapshot.max_cost_usd is not None:
        return f"{dollars(snapshot.cost_usd or 0.0)} of {dollars(snapshot.max_cost_usd)}"
    return "" if snapshot.cost_usd is None else dollars(snapshot.cost_usd)


def moment(when: datetime, at: datetime) -> str:
    """`09:00:00`; from a day after `at` on, where that would be another day's, `Tue 09:00`."""
    return f"{when:%H:%M:%S}" if when - at < _DAY else f"{when:%a %H:%M}"


def stretch(seconds: float) -> str:
    """`42 s`, `3:10`, `1:02:03`."""
    return f"{seconds:.0f} s" if seconds < _LONG_S else duration(seconds)


def some(names: Sequence[str], cells: int = 40) -> str:
    """The last of `names`, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return shortened(visible(names[-1]), cells) + more


def oldest_line(snapshot: RunSnapshot, older_than_s: float, width: int | None = None) -> Line | None:
    """The request that has been on its way for longest; None where that is not longer than `older_than_s`.

    Args:
        width: cells that the line should need at most, so that names are shortened rather than what it does; None: any.
    """
    oldest = snapshot.oldest
    if oldest is None or oldest.age_s <= older_than_s:
        return None
    is_local = any(v.provider == "local" for v in snapshot.variants if v.name == oldest.variant)
    taken = f", taken {stretch(oldest.age_s)} ago" if oldest.age_s - oldest.in_state_s > older_than_s else ""
    doing = _what_it_does(oldest, snapshot.at, is_local=is_local)
    return [
        ("oldest", "dim"),
        (f"  {some([oldest.variant], _share(width, 4))}", "bold"),
        (f" {shortened(visible(oldest.prompt_id), _share(width, 5))}: {doing}{taken}", ""),
    ]


def _share(width: int | None, parts: int) -> int:
    return 40 if width is None else max(16, width // parts)


def _what_it_does(oldest: OldestRequest, at: datetime, *, is_local: bool) -> str:
    passed = stretch(oldest.in_state_s)
    match oldest.state:
        case RequestState.SENT if is_local:
            return f"with the local model for {passed}"
        case RequestState.SENT:
            return f"sent {passed} ago" + (f", attempt {oldest.attempts}" if oldest.attempts > 1 else "")
        case RequestState.WAITING:
            return f"waiting for the pool for {passed}" + (f", {_attempts(oldest)}" if oldest.attempts else "")
        case RequestState.BACKING_OFF:
            until = f"until {moment(oldest.until, at)}" if oldest.until else f"for {passed}"
            return f"backing off {until}, {_attempts(oldest)}"


def _attempts(oldest: OldestRequest) -> str:
    return f"{oldest.attempts} attempt{'' if oldest.attempts == 1 else 's'} so far"


def local_line(status: LocalSnapshot, width: int | None = None) -> Line:
    """What the thread of one device is doing; what matters least goes first where that is too long.

    Args:
        width: cells that the line should need at most; None: any.
    """
    head: Line = [("local ", "dim"), (visible(status.device), "bold"), ("  ", "")]
    if status.replicas:
        head.append((f"{status.replicas_up}/{status.replicas} replicas  ", ""))
    name = shortened(visible(status.model or ""), _share(width, 2))
    said: list[Ranked]
    match status.state:
        case "idle":
            said = [(0, "idle", "dim")]
        case "loading" if status.replicas and not status.replicas_up:
            said = [(0, f"starting replicas of {name}", "yellow")]
        case "loading":
            said = [
                (0, f"loading {name}", "yellow"),
                (2, size(status.weight_bytes) if status.weight_bytes else "", "yellow"),
                (1, stretch(status.loaded_seconds or 0.0), "yellow"),
            ]
        case _:
            said = [
                (1, name, ""),
                (0, f"batch {status.rows}/{status.slots}", ""),
                (3, f"{status.queued} queued", ""),
                (2, f"{number(status.tokens_per_second)} tok/s", ""),
                (4, f"reads {number(status.prefill_tokens_per_second)} tok/s", ""),
                (5, f"KV {size(status.kv_bytes)}" if status.kv_bytes else "", ""),
            ]
    return [*head, *fitting(said, None if width is None else width - sum(cell_len(text) for text, _ in head))]


def held_up(snapshot: RunSnapshot, *, final: bool) -> list[Line]:
    """Why lanes are parked or paused, once for all that share the reason, as those of one pool do.

    Args:
        final: the run is over, and with it the pauses.
    """
    names: dict[tuple[str, str, str], list[str]] = {}
    for state in (LaneState.PARKED,) if final else (LaneState.PARKED, LaneState.PAUSED):
        for variant in snapshot.variants:
            if variant.state is state:
                told, style = state_of(variant, snapshot.at)
                names.setdefault((told, style, variant.reason or ""), []).append(variant.name)
    return [
        [(told, style), ("  " + some(who), "bold"), (f": {visible(reason)}" if reason else "", "")]
        for (told, style, reason), who in names.items()
    ]


def state_of(variant: VariantSnapshot, at: datetime) -> Part:
    """`running`, `paused until 09:00:00`, and its style."""
    state, until = variant.state, variant.paused_until
    if until is None:
        return state.value, _STATE_STYLES[state]
    return f"{state.value} until {moment(until, at)}", "yellow"
