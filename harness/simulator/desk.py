"""What goes back for a request: its caps, its fault, its answer; knows nothing about how replies are carried."""

from __future__ import annotations

import dataclasses
import math
import secrets
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from harness.simulator.answers import answer
from harness.simulator.caps import Caps
from harness.simulator.fault_plan import FaultPlan
from harness.simulator.fault_replies import altered, answerless, has_answer, spoilt
from harness.simulator.fault_script import parse_script
from harness.simulator.faults import Nature, parse_shares
from harness.simulator.wire import Rejection, Stamp, json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from harness.simulator.answers import Answer, Question
    from harness.simulator.faults import Fault
    from harness.simulator.settings import SimulatorSettings
    from harness.simulator.wire import Call, Reply, WireFormat


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request on the desk.

    Args:
        call: its headers and address.
        raw: its body, None where that is too large.
        parsed: the body's JSON, None where it is none.
        key: equal for the attempts at one item.
        t: monotonic seconds of its arrival.
    """

    call: Call
    raw: bytes | None
    parsed: object
    key: str
    t: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What goes back, and what it counts as.

    Args:
        reply: without the headers that say how much of the caps is left.
        delay_s: seconds until then.
        model: what was asked, None where the request was not understood.
        input_tokens: of the request, 0 where it was not understood.
        output_tokens: of the answer, 0 where there is none.
        fault: what goes wrong.
        caller: whose caps it counts against, None where the reply says nothing of them.
    """

    reply: Reply
    delay_s: float = 0.0
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    fault: Fault | None = None
    caller: Hashable = None

    @property
    def broken(self) -> bool:
        return self.fault is not None and self.fault.nature is Nature.BROKEN


class Desk:
    """Decides on one request after another.

    Args:
        settings: how the provider behaves.
        wall: Unix time in seconds.
    """

    def __init__(self, settings: SimulatorSettings, wall: Callable[[], float]) -> None:
        self._settings = settings
        self._wall = wall
        self._caps = Caps(settings.rpm, settings.input_tokens_per_minute, settings.output_tokens_per_minute)
        self._faults = FaultPlan(parse_shares(settings.faults), parse_script(settings.fault_script), settings.seed)
        self._latencies = Random(settings.seed)  # noqa: S311 - delays, not secrets
        self._nonces = count(settings.seed)
        self._reply_ids = map(f"sim{secrets.token_hex(4)}{{:08x}}".format, count())

    def decide(self, wire: WireFormat, request: Incoming) -> Decision:
        """What to reply, and after how many seconds. A request that a cap refuses meets no fault."""
        stamp = Stamp(next(self._reply_ids), self._wall())
        try:
            credential = wire.credential(request.call)
            question = wire.asked(request.call, json_object(request.raw, request.parsed))
        except Rejection as rejection:
            return Decision(wire.rejected(rejection, stamp))
        caller = (wire.NAME, credential, question.model)
        input_tokens = question.count_input()
        excess = self._caps.admit(caller, input_tokens, request.t)
        if excess is not None:
            reply, fault, said = wire.rate_limited(question, excess, stamp), None, None
        else:
            fault = self._faults.draw(question, request.key)
            reply, said = self._reply(wire, question, input_tokens, fault, stamp)
        return Decision(
            reply,
            delay_s=self._latency() if said is not None else 0.0,
            model=question.model,
            input_tokens=input_tokens,
            output_tokens=said.output_tokens if said is not None else 0,
            fault=fault,
            # What comes from a proxy knows nothing of the caps.
            caller=caller if reply.content_type == "application/json" else None,
        )

    def _reply(
        self, wire: WireFormat, question: Question, input_tokens: int, fault: Fault | None, stamp: Stamp
    ) -> tuple[Reply, Answer | None]:
        """The reply, and the model's answer where it is made of one."""
        if fault is not None and fault.nature is not Nature.ANSWERED and not has_answer(fault):
            return answerless(fault, wire, question, stamp), None
        said = answer(
            question,
            input_tokens=input_tokens,
            refusal_share=self._settings.refusal_share,
            long_share=self._settings.long_share,
            nonce=next(self._nonces),
        )
        if fault is None:
            return wire.answered(question, said, stamp), said
        said = altered(said, fault)
        return spoilt(wire.answered(question, said, stamp), fault), said

    def _latency(self) -> float:
        median = self._settings.latency_s
        return median and self._latencies.lognormvariate(math.log(median), self._settings.latency_spread)

    def finished(self, decision: Decision, wire: WireFormat, now: float) -> Reply:
        """The reply as it leaves: its output counted, and the headers saying how much of the caps is left.

        Args:
            decision: what goes back.
            wire: in which format.
            now: monotonic seconds.
        """
        if decision.caller is None:
            return decision.reply
        self._caps.wrote(decision.caller, decision.output_tokens, now)
        headers = wire.rate_headers(self._caps.standing(decision.caller, now), self._wall())
        if not headers:
            return decision.reply
        return dataclasses.replace(decision.reply, headers=decision.reply.headers | headers)

    def reset(self) -> None:
        """Forgets what counts against the caps, and which attempts there were."""
        self._caps.reset()
        self._faults.reset()
