"""Reading an answer's JSON without believing its shape. Knows no provider.

A getter gives None, or an empty container, where the value is of another type: what an answer must have, its provider
checks; what it may lack, is then simply not recorded.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import orjson

from harness.schema import TokenLogprob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_TOO_LARGE = 2**53


class UnreadableError(Exception):
    """A body is no JSON, or JSON of the wrong kind. The text says what it is, as the end of a sentence."""


def json_value(body: bytes | str) -> Any:
    """What `body` says. A lone surrogate, escaped, costs no answer: orjson refuses it, json does not.

    Raises:
        UnreadableError: an empty body, a page, truncated JSON or bad UTF-8.
    """
    if not body.strip():
        raise UnreadableError("an empty body")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _forgiving(body)


def json_object(body: bytes | str) -> dict[str, Any]:
    """`json_value`, which must be an object.

    Raises:
        UnreadableError: it is none.
    """
    value = json_value(body)
    if not isinstance(value, dict):
        raise UnreadableError(f"JSON that is no object ({type(value).__name__})")
    return value


def _forgiving(body: bytes | str) -> Any:
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError:
        raise UnreadableError("bytes that are not UTF-8") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        what = "an HTML page" if text.lstrip()[:1] == "<" else "a body that is not JSON, or cut off"
        raise UnreadableError(what) from None


def as_int(value: object) -> int | None:
    """A count or an id: from 0 to what every reader of JSON takes for a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE else None


def as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def token_logprob(
    position: int, chosen: Mapping[str, Any], ranked: Iterable[object], top: int, names: Sequence[str]
) -> TokenLogprob:
    """One position as a provider gives it: the sampled token and its `top` likeliest alternatives, descending.

    Args:
        names: the keys under which token, token id and logprob stand in `chosen` and in each of `ranked`.
    """
    token_key, id_key, logprob_key = names
    finite = [
        (logprob, as_text(entry.get(token_key)) or "", as_int(entry.get(id_key)))
        for entry in map(as_dict, ranked)
        if (logprob := as_finite(entry.get(logprob_key))) is not None
    ]
    best = sorted(finite, key=lambda entry: -entry[0])[:top]
    ids = tuple(token_id for _, _, token_id in best if token_id is not None)
    return TokenLogprob(
        token_position=position,
        token=as_text(chosen.get(token_key)) or "",
        token_id=as_int(chosen.get(id_key)),
        logprob=as_finite(chosen.get(logprob_key)),
        raw_logprob=None,
        top_tokens=tuple(token for _, token, _ in best),
        top_token_ids=ids if best and len(ids) == len(best) else None,
        top_logprobs=tuple(logprob for logprob, _, _ in best),
    )
