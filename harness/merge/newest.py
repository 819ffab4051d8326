"""The lines that were answered a moment ago come last, in the order in which they were.

Whoever goes on with a folder reads its journal from the end, as far back as its rate caps look, to know what was just
sent. Joined journals must not hide that behind older lines.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from harness.journal.tail import decoded
from harness.limits.pace import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MARGIN_S = 30.0
"""For lines that were written a little later than their time says, and clocks of other machines."""
_TIME = b',"timestamp":"'
_AFTER = b',"queued_seconds":'


def window_s(config: Mapping[str, Any]) -> float:
    """How many seconds back somebody may look who goes on with a run of `config`, as run.json has it."""
    pools = (config.get("pools") or {}).values()
    caps = [float(one.get("requests_per_minute") or 1) for one in (*config["models"], *pools)]
    return WINDOW_S / min(1.0, *caps) + _MARGIN_S


def newest_last(lines: Iterable[bytes], since: datetime) -> Iterator[bytes]:
    """The lines in their order; those whose answer was complete after `since` wait in memory and come at the end."""
    waiting = []
    for line in lines:
        finished = _finished(line)
        if finished is None or finished < since:
            yield line
        else:
            waiting.append((finished, line))
    waiting.sort(key=lambda one: one[0])
    for _, line in waiting:
        yield line


def _finished(line: bytes) -> datetime | None:
    """When an answer was complete; None where its line does not say."""
    # Inside a string its quotes would be escaped, and what comes behind has no such key.
    start = line.rfind(_TIME)
    end = line.find(_AFTER, start)
    facts = decoded(b"{%b}" % line[start + 1 : end]) if -1 < start < end else None
    try:
        facts = facts or orjson.loads(line)
        moment = datetime.fromisoformat(facts["timestamp"]) + timedelta(seconds=facts["elapsed_seconds"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else None
