"""What the three wire formats have in common: a call, a reply, a rejection; knows nothing about any one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.simulator.answers import Answer, Question
    from harness.simulator.caps import Excess, Standing
    from harness.simulator.fault_words import Words
    from harness.simulator.faults import Fault

MAX_BODY_BYTES = 10 * 1024 * 1024
SIGNED_64_BIT = 2**63


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it reached a route.

    Args:
        headers: looked up whatever the case of their names.
        query: the parameters of its address.
        path_model: the model that its path names, or None where the format has it in the body.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    path_model: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: everything the wire will carry, and nothing on how it is carried."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Rejection(Exception):  # noqa: N818 - not an error of ours: it becomes the provider's own
    """The request is not one that the provider would answer.

    Args:
        status: the HTTP status.
        message: the provider's sentence.
        param: the field that is wrong, where one is.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a reply this one: an id, unique whatever the restarts, and Unix time in seconds."""

    reply_id: str
    now: float


class WireFormat(Protocol):
    """A provider's wire format, as pure functions; each of the three modules is one."""

    NAME: str

    def credential(self, call: Call) -> str:
        """The key that pays for the call. Raises `Rejection` where there is none."""

    def asked(self, call: Call, body: dict[str, Any]) -> Question:
        """What is asked. Raises `Rejection` where the provider would."""

    def answered(self, question: Question, answer: Answer, stamp: Stamp) -> Reply:
        """The answer, under status 200."""

    def rejected(self, rejection: Rejection, stamp: Stamp) -> Reply:
        """The provider's form of an error."""

    def rate_limited(self, question: Question, excess: Excess, stamp: Stamp) -> Reply:
        """The provider's form of a 429 with the seconds to wait."""

    def failed(self, words: Words, fault: Fault, stamp: Stamp) -> Reply:
        """The provider's form of a fault, with the fault's hint where it has one."""

    def rate_headers(self, standing: Standing, now: float) -> dict[str, str]:
        """How much of the caps is left at `now` in Unix time, in the provider's own headers."""


def bearer(call: Call) -> str | None:
    """The token of an ``Authorization: Bearer`` header, or None where there is none."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def json_reply(status: int, payload: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, orjson.dumps(payload), headers or {})


def parsed_json(raw: bytes | None) -> object:
    """The body's JSON, or None where it is none."""
    try:
        return orjson.loads(raw or b"")
    except orjson.JSONDecodeError:
        return None


def json_object(raw: bytes | None, parsed: object) -> dict[str, Any]:
    if raw is None:
        raise Rejection(413, f"Request exceeds the maximum size of {MAX_BODY_BYTES} bytes")
    if not isinstance(parsed, dict):
        raise Rejection(400, "The request body is not a valid JSON object.")
    return parsed


def request_key(path: str, raw: bytes | None, parsed: object) -> str:
    """Of a request's path and body, the same however the JSON is spaced and its keys are ordered."""
    try:
        canonical = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS) if parsed is not None else raw or b""
    except orjson.JSONEncodeError:
        # Nested deeper than orjson writes, though not deeper than it reads.
        canonical = raw or b""
    return blake2b(path.encode() + b"\n" + canonical, digest_size=8).hexdigest()


def required_model(body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Rejection(400, "model: a non-empty string is required.", param="model")
    return model


def required_turns(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    turns = body.get(name)
    if not isinstance(turns, list) or not turns:
        raise Rejection(400, f"{name}: a list with at least one element is required.", param=name)
    for position, turn in enumerate(turns):
        if not isinstance(turn, dict):
            raise Rejection(400, f"{name}.{position}: an object is required.", param=name)
    return turns


def number(body: dict[str, Any], name: str, low: float, high: float) -> float | None:
    """A number between `low` and `high`, both included, or None where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Rejection(400, f"{name}: a number is required.", param=name)
    if not low <= value <= high:
        raise Rejection(400, f"{name}: {value} is not between {low:g} and {high:g}.", param=name)
    return float(value)


def whole_number(
    body: dict[str, Any], name: str, low: int = -SIGNED_64_BIT, high: int = SIGNED_64_BIT - 1
) -> int | None:
    """An integer between `low` and `high`, both included, or None where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Rejection(400, f"{name}: an integer is required.", param=name)
    if not low <= value <= high:
        raise Rejection(400, f"{name}: {value} is not between {low} and {high}.", param=name)
    return value


def truth(body: dict[str, Any], name: str) -> bool:
    """A boolean, false where it is absent or null."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Rejection(400, f"{name}: a boolean is required.", param=name)
    return bool(value)


def strings(body: dict[str, Any], name: str) -> tuple[str, ...]:
    """Non-empty strings, none where it is absent or null; a single string counts as a list of one."""
    value = body.get(name)
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
        raise Rejection(400, f"{name}: a list of non-empty strings is required.", param=name)
    return tuple(values)


def text_of(content: object, where: str) -> str:
    """The text of a message: a string, or blocks of type ``text``; the simulator reads nothing else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Rejection(400, f"{where}: a string or a list of blocks is required.", param=where)
    texts = []
    for position, block in enumerate(content):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise Rejection(400, f"{where}.{position}: the simulator reads blocks of type text only.", param=where)
        texts.append(block["text"])
    return "".join(texts)
