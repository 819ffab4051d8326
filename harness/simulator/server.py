"""The loopback provider: three wire formats, a latency, caps, faults and counters; knows nothing about who asks it.

One request goes parse, decide, wait, deliver: the desk says what goes back and after how long, `deliver` is the only
place that touches the wire.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import orjson
from aiohttp import web

from harness.provider import SIMULATOR_MARKER
from harness.simulator import anthropic, gemini, openai
from harness.simulator.counters import ABANDONED, SimulatorCounts, VisitorBook
from harness.simulator.delivery import deliver
from harness.simulator.desk import Desk, Incoming
from harness.simulator.errors import SimulatorError
from harness.simulator.settings import SimulatorSettings
from harness.simulator.wire import MAX_BODY_BYTES, Call, WireFormat, parsed_json, request_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.simulator.counters import Visit
    from harness.simulator.desk import Decision

# Every client of a run may connect at the same moment.
_BACKLOG = 1024
# aiohttp reads 0 as "no limit"; requests in flight are cut when the server stops.
_SHUTDOWN_TIMEOUT_S = 0.05


class SimulatorServer:
    """A simulated provider on a port of this machine, serving between `async with`'s two ends.

    Args:
        settings: how it behaves.
        host: where it listens; the default is not reachable from outside this machine.
        port: 0 takes a free one.
        clock: monotonic seconds, of the caps and the log.
        wall: Unix time in seconds, of what answers say about the date.
        sleep: waits for a number of seconds.

    Raises:
        SimulatorError: on entering, where the port cannot be had.
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._sleep = sleep
        self._desk = Desk(settings or SimulatorSettings(), wall)
        self._book = VisitorBook()
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """``http://host:port``; the base of Claude's and Gemini's routes, and with ``/v1`` of OpenAI's."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def counts(self) -> SimulatorCounts:
        """What it has seen so far."""
        return self._book.counts()

    def log(self) -> list[dict[str, Any]]:
        """The last 100 000 requests in order of arrival, as ``GET /_simulator/log`` gives them."""
        return self._book.log()

    def reset(self) -> None:
        """Forgets what it has counted and logged, what counts against the caps, and which attempts there were."""
        self._book.reset()
        self._desk.reset()

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError as exc:
            await self._runner.cleanup()
            what = "is taken by another program" if exc.errno == errno.EADDRINUSE else f"cannot be had ({exc})"
            raise SimulatorError(
                f"Port {self._port} on {self._host} {what}: give another one, or 0 for any that is free."
            ) from exc
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.on_response_prepare.append(_mark)
        route = app.router
        route.add_post("/v1/messages", partial(self._ask, anthropic))
        route.add_post("/v1beta/models/{model:.+}:generateContent", partial(self._ask, gemini))
        route.add_post("/v1/chat/completions", partial(self._ask, openai))
        route.add_get("/health", self._health)
        route.add_get("/_simulator/counts", self._counts)
        route.add_get("/_simulator/log", self._log)
        route.add_post("/_simulator/reset", self._reset)
        route.add_route("*", "/{path:.*}", _unknown)
        return app

    async def _ask(self, wire: WireFormat, request: web.Request) -> web.StreamResponse:
        raw = await _body(request)
        parsed = parsed_json(raw)
        visit = self._book.arrive(self._clock(), wire.NAME, request_key(request.path, raw, parsed))
        status, broken = ABANDONED, False
        try:
            call = Call(request.headers, request.query, request.match_info.get("model"))
            decision = self._desk.decide(wire, Incoming(call, raw, parsed, visit.key, visit.t))
            self._note(visit, decision)
            if decision.delay_s > 0:
                await self._sleep(decision.delay_s)
            reply = self._desk.finished(decision, wire, self._clock())
            self._book.wrote(visit, decision.output_tokens)
            response = await deliver(request, reply, decision.fault, self._sleep)
            status, broken = reply.status, decision.broken
        except ConnectionError:
            # The client left in the middle. Raised, it would be logged as an error of the server's.
            return web.Response()
        else:
            return response
        finally:
            self._book.leave(visit, status, self._clock(), broken=broken)

    def _note(self, visit: Visit, decision: Decision) -> None:
        if decision.model is not None:
            self._book.understood(visit, decision.model, decision.input_tokens)
        if decision.fault is not None:
            self._book.faulted(visit, decision.fault.kind)

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "simulator": True})

    async def _counts(self, _: web.Request) -> web.Response:
        return _json(dataclasses.asdict(self.counts()))

    async def _log(self, _: web.Request) -> web.Response:
        return _json(self.log())

    async def _reset(self, _: web.Request) -> web.Response:
        self.reset()
        return _json({"status": "ok"})


async def _mark(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[SIMULATOR_MARKER] = "1"


async def _unknown(request: web.Request) -> web.Response:
    message = (
        f"The simulator has no {request.method} {request.path}. It has POST /v1/messages, "
        "/v1beta/models/MODEL:generateContent and /v1/chat/completions: check the base URL."
    )
    return _json({"error": {"message": message, "type": "not_found_error", "code": 404}}, status=404)


async def _body(request: web.Request) -> bytes | None:
    """The request's body, or None where it is too large."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return None


def _json(payload: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(payload), content_type="application/json")
