"""The faults that the simulator can produce, by name; knows nothing about when one happens or how it reaches the wire.

A fault is asked for with a word: its kind and, where it takes parameters, those that differ from their defaults:
``429``, ``429:seconds=2``, ``503:seconds=5``, ``drip:interval_ms=50``, ``huge:mib=40``, ``307:to=http://127.0.0.1:9/``.
Several parameters would be parted by commas. ``ok`` is the word for none.

Refused, in each provider's own words and form:

- ``429`` (hint: a Retry-After in seconds, Gemini's RetryInfo), ``429-date``, ``429-ms`` (hint: an HTTP date,
  milliseconds), ``429-bare`` (no hint), ``529`` (Claude's overload; 503 with the others), ``503``, ``500``, ``502`` (a
  proxy's HTML page), ``504``, ``408``, ``409``, ``307`` (to another host)
- ``400``, ``401``, ``402``, ``403``, ``404``, ``413``, ``422``; ``bad-key`` and ``quota`` as each provider puts them,
  whatever the status (Gemini: 400 with API_KEY_INVALID, 429 with the day's quota); ``quota:seconds=…`` says when it is
  over (Gemini: RetryInfo; Claude: the date on which access is regained, rounded up to a minute)

Broken, without an answer:

- ``reset`` (before any byte), ``reset-body`` (half-way), ``short`` (closed before the announced end), ``hang`` (for
  ever), ``drip`` (a byte now and then, for ever), ``huge``
- under status 200: ``html``, ``empty-object`` (``{}``), ``error-body``, ``empty-body``, ``truncated``, ``bad-utf8``

Answered, since these are results and no errors:

- ``blocked`` (the prompt), ``refusal`` (the model's own), ``empty-answer`` (thinking took all), ``cut``
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from harness.simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

OK: Final = "ok"
Shares: TypeAlias = Mapping[str, float] | float
"""What share of the requests gets which fault, by word; or one number, spread evenly over `BAD_NIGHT`."""

# The discard port: nobody listens there, so that a client that follows is refused.
_NOWHERE = "http://127.0.0.1:9/"
_ROUNDING = 1e-9


class Nature(enum.Enum):
    """What a fault leaves its client with."""

    REFUSED = enum.auto()
    BROKEN = enum.auto()
    ANSWERED = enum.auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault with its parameters; each kind has a use for some of them at most.

    Args:
        kind: as the module lists them.
        seconds: how long the client is asked to wait, None for no hint.
        interval_ms: milliseconds between two bytes.
        mib: how many MiB come.
        to: where a redirect points.
    """

    kind: str
    seconds: float | None = None
    interval_ms: float = 100.0
    mib: float = 64.0
    to: str = _NOWHERE

    @property
    def nature(self) -> Nature:
        return _NATURES[self.kind]


_NATURES: dict[str, Nature] = (
    dict.fromkeys(("429", "429-date", "429-ms", "429-bare", "529", "503", "500", "502", "504"), Nature.REFUSED)
    | dict.fromkeys(("408", "409", "307", "400", "401", "402", "403", "404", "413", "422"), Nature.REFUSED)
    | dict.fromkeys(("bad-key", "quota"), Nature.REFUSED)
    | dict.fromkeys(("reset", "reset-body", "short", "hang", "drip", "huge"), Nature.BROKEN)
    | dict.fromkeys(("html", "empty-object", "error-body", "empty-body", "truncated", "bad-utf8"), Nature.BROKEN)
    | dict.fromkeys(("blocked", "refusal", "empty-answer", "cut"), Nature.ANSWERED)
)
KINDS: Final = tuple(_NATURES)

_DEFAULTS = {kind: Fault(kind) for kind in KINDS} | {
    "429": Fault("429", seconds=1.0),
    "429-date": Fault("429-date", seconds=2.0),
    "429-ms": Fault("429-ms", seconds=0.5),
}
_PARAMETERS = dict.fromkeys(("429", "429-date", "429-ms", "529", "503", "quota"), ("seconds",)) | {
    "drip": ("interval_ms",),
    "huge": ("mib",),
    "307": ("to",),
}

BAD_NIGHT: Final = (
    "429:seconds=0.1",
    "429-ms:seconds=0.1",
    "529:seconds=0.1",
    "503:seconds=0.1",
    "503",
    "500",
    "502",
    "504",
    "408",
    "409",
    "reset",
    "reset-body",
    "short",
    "html",
    "empty-object",
    "error-body",
    "empty-body",
    "truncated",
    "bad-utf8",
)
"""The faults behind one number: all can be tried again, and none costs its client a deadline or a long wait."""


def parse_fault(word: object) -> Fault | None:
    """The fault that a word asks for, None for ``ok``.

    Raises:
        SimulatorError: there is no such kind, or a parameter that it has not, or one without a sensible value.
    """
    if not isinstance(word, str):
        raise SimulatorError(f"A fault is named by a word in quotes, and {word!r} is none: write for example '429'.")
    kind, _, rest = word.partition(":")
    if kind == OK and not rest:
        return None
    if kind not in _DEFAULTS:
        raise SimulatorError(
            f"The simulator knows no fault {word!r}: give one of {', '.join(KINDS)}, or ok for an answer."
        )
    given: dict[str, float | str] = {}
    for part in rest.split(",") if rest else ():
        name, _, value = part.partition("=")
        if name not in _PARAMETERS.get(kind, ()):
            known = ", ".join(f"{known}=…" for known in _PARAMETERS.get(kind, ())) or "none"
            raise SimulatorError(f"The fault {word!r} has no parameter {name!r}; {kind} takes {known}.")
        given[name] = _target(word, value) if name == "to" else _amount(word, name, value)
    default = _DEFAULTS[kind]
    fields = {name: given.get(name, getattr(default, name)) for name in Fault.__dataclass_fields__ if name != "kind"}
    return Fault(kind, **fields)


def _amount(word: str, name: str, value: str) -> float:
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and (amount > 0 or (name == "seconds" and amount == 0))):
        raise SimulatorError(f"The fault {word!r} needs a number for {name}, 0 or more: {value!r} is none.")
    return amount


def _target(word: str, value: str) -> str:
    if not (value.startswith(("http://", "https://")) and value.isascii() and value.isprintable() and " " not in value):
        raise SimulatorError(f"The fault {word!r} needs a URL for to, such as {_NOWHERE}: {value!r} is none.")
    return value


def parse_shares(shares: Shares) -> tuple[tuple[Fault, float], ...]:
    """Faults with the share of the requests that gets each.

    Raises:
        SimulatorError: an unknown word, a share outside 0 to 1, or more than 1 in all.
    """
    if isinstance(shares, int | float):
        shares = bad_night(shares)
    if not isinstance(shares, Mapping):
        raise SimulatorError(f"The simulator's faults are {shares!r}: give an object of shares by fault, or one share.")
    parsed = []
    for word, share in shares.items():
        fault = parse_fault(word)
        if fault is None:
            raise SimulatorError("The simulator answers every request without a fault: leave ok out of faults.")
        parsed.append((fault, _share(f"The share of the fault {word!r}", share)))
    total = math.fsum(share for _, share in parsed)
    if total > 1 + _ROUNDING:
        raise SimulatorError(f"The simulator's faults add up to {total:g} of the requests: give 1 at most.")
    return tuple(parsed)


def bad_night(share: float) -> dict[str, float]:
    """One share, spread evenly over `BAD_NIGHT`."""
    return dict.fromkeys(BAD_NIGHT, _share("The share of faults", share) / len(BAD_NIGHT)) if share else {}


def requested_shares(words: Iterable[str], share: float = 0.0) -> dict[str, float]:
    """The shares that a command line asks for: ``WORD=SHARE`` each, beside a share of `BAD_NIGHT`.

    Raises:
        SimulatorError: a share is missing or no number; what `parse_shares` raises comes later.
    """
    shares = Counter(bad_night(share))
    for text in words:
        word, _, number = text.rpartition("=")
        try:
            shares[word] += float(number)  # type: ignore[assignment]  # a Counter of shares, not of whole numbers
        except ValueError:
            word = ""
        if not word:
            raise SimulatorError(f"The fault {text!r} has no share: write for example 429=0.1 or 429:seconds=2=0.1.")
    return dict(shares)


def _share(what: str, share: object) -> float:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise SimulatorError(f"{what} is {share}: give a share between 0 and 1.")
    return float(share)
