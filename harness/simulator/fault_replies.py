"""What goes back for a fault: a refusal, a spoilt body, an unusual answer; knows nothing about how it is carried."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from harness.simulator.answers import Answer, Ending, split
from harness.simulator.counters import NOTHING_SENT
from harness.simulator.fault_words import WORDS
from harness.simulator.faults import Fault
from harness.simulator.wire import Reply

if TYPE_CHECKING:
    from harness.simulator.answers import Question
    from harness.simulator.wire import Stamp, WireFormat

_DECLINED = tuple(split("I'm sorry, but I can't help with that."))


def _page(status: int, title: bytes) -> Reply:
    body = (
        b"<!DOCTYPE html>\n<html><head><title>%s</title></head>\n"
        b"<body><center><h1>%s</h1></center><hr><center>nginx</center></body></html>\n"
    )
    return Reply(status, body % (title, title), content_type="text/html")


_FIXED: Final = {
    "reset": Reply(NOTHING_SENT, b""),
    "hang": Reply(NOTHING_SENT, b""),
    "drip": Reply(200, b""),
    "html": _page(200, b"Welcome"),
    "502": _page(502, b"502 Bad Gateway"),
    "empty-object": Reply(200, b"{}"),
}
_WITH_ANSWER = frozenset({"reset-body", "short", "huge", "empty-body", "truncated", "bad-utf8"})


def has_answer(fault: Fault) -> bool:
    """Whether the model answers, and something goes wrong with the answer afterwards."""
    return fault.kind in _WITH_ANSWER


def altered(answer: Answer, fault: Fault) -> Answer:
    """The answer that a fault makes of another; the same one where the fault is of a different kind."""
    match fault.kind:
        case "blocked":
            return dataclasses.replace(answer, tokens=(), ending=Ending.PROMPT_BLOCKED, stop_string=None)
        case "refusal":
            return dataclasses.replace(answer, tokens=_DECLINED, ending=Ending.DECLINED, stop_string=None)
        case "empty-answer":
            thought = max(1, len(answer.tokens))
            return dataclasses.replace(
                answer, tokens=(), ending=Ending.LENGTH, stop_string=None, thinking_tokens=thought
            )
        case "cut":
            half = answer.tokens[: max(1, len(answer.tokens) // 2)]
            return dataclasses.replace(answer, tokens=half, ending=Ending.LENGTH, stop_string=None)
    return answer


def spoilt(reply: Reply, fault: Fault) -> Reply:
    """The reply that a fault makes of an answer; the same one where only its way is troubled."""
    match fault.kind:
        case "empty-body":
            return dataclasses.replace(reply, body=b"")
        case "truncated":
            return dataclasses.replace(reply, body=reply.body[: len(reply.body) // 2])
        case "bad-utf8":
            return dataclasses.replace(reply, body=reply.body.replace(b'":"', b'":"\xff\xfe', 1))
    return reply


def answerless(fault: Fault, wire: WireFormat, question: Question, stamp: Stamp) -> Reply:
    """The reply of a fault that keeps the model from answering at all."""
    if fault.kind in _FIXED:
        return _FIXED[fault.kind]
    if fault.kind == "307":
        return Reply(307, b"", {"location": fault.to})
    if fault.kind == "error-body":
        return dataclasses.replace(_refused(Fault("500"), wire, question, stamp), status=200)
    return _refused(fault, wire, question, stamp)


def _refused(fault: Fault, wire: WireFormat, question: Question, stamp: Stamp) -> Reply:
    words = WORDS[wire.NAME][fault.kind]
    message = words.message.replace("{model}", question.model)
    return wire.failed(dataclasses.replace(words, message=message), fault, stamp)
