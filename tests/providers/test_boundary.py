"""Through the real SDKs: whatever a server does, exactly one request leaves and only this package's errors come back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import traceback

import aiohttp
import anyio
import pytest

from harness.errors import (
    AttemptTimeout,
    AuthenticationFailed,
    ConfigError,
    LaneError,
    ModelUnavailable,
    OfflineError,
    QuotaExhausted,
    RateLimitedError,
    RejectedError,
    SimulationMismatch,
    TransientError,
    UntrustedCertificate,
)
from harness.schema import Quota, RateSignal

STATUSES = [
    (400, {}, RejectedError),
    (401, {}, AuthenticationFailed),
    (402, {}, QuotaExhausted),
    (403, {}, AuthenticationFailed),
    (404, {}, ModelUnavailable),
    (408, {}, TransientError),
    (409, {}, TransientError),
    (413, {}, RejectedError),
    (422, {}, RejectedError),
    (429, {}, RateLimitedError),
    (429, {"retry-after": "7"}, RateLimitedError),
    (500, {}, TransientError),
    (502, {}, TransientError),
    (503, {}, TransientError),
    (503, {"retry-after": "7"}, RateLimitedError),
    (504, {}, TransientError),
    (524, {}, TransientError),
    (529, {}, RateLimitedError),
    (529, {"retry-after-ms": "7000"}, RateLimitedError),
]
NO_ANSWERS = {
    "html": b"<!DOCTYPE html><title>Welcome</title>",
    "empty": b"",
    "object": b"{}",
    "list": b"[]",
    "text": b'"fine"',
    "error": b'{"error": {"message": "upstream fell over"}}',
    "truncated": b'{"id": "1", "type": "message", "content": [{"te',
    "bad utf-8": b'{"id": "\xff\xfe"}',
}


def address_of(server: asyncio.Server) -> str:
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(("status", "headers", "expected"), STATUSES)
async def test_a_status_becomes_its_error_after_one_request(talk, reply, status, headers, expected):
    error = await talk.failure(reply(talk.wire.error("no luck today"), status, headers))

    assert type(error) is expected
    assert error.status == status
    assert error.retry_after_s == (7.0 if headers else None)
    assert "no luck today" in error.message
    assert error.retryable is (expected in {TransientError, RateLimitedError})
    assert len(talk.server.seen) == 1


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
async def test_a_200_that_is_no_answer_is_transient(talk, reply, body, content_type):
    error = await talk.failure(reply(body, headers={"content-type": content_type}))

    assert type(error) is TransientError
    assert error.status == 200
    assert "instead of an answer" in error.message
    assert len(talk.server.seen) == 1


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"code": 429}, RateLimitedError),
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, RateLimitedError),
        ({"type": "rate_limit_error"}, RateLimitedError),
        ({"type": "overloaded_error"}, RateLimitedError),
        ({"code": "insufficient_quota"}, QuotaExhausted),
        ({"code": 502}, TransientError),
        ({"code": 503, "status": "UNAVAILABLE"}, TransientError),
        ({"type": "api_error"}, TransientError),
    ],
)
async def test_an_error_object_under_200_is_judged_by_the_code_in_it(talk, reply, facts, expected):
    error = await talk.failure(reply(talk.wire.error("no luck today", **facts)))

    assert (type(error), error.status) == (expected, 200)
    assert "no luck today" in error.message
    assert len(talk.server.seen) == 1


@pytest.mark.parametrize("status", [202, 204])
async def test_another_success_without_an_answer_is_transient(talk, reply, status):
    assert type(await talk.failure(reply(b"", status))) is TransientError


@pytest.mark.parametrize(
    ("status", "facts", "heals_after_s", "advice"),
    [
        (402, {"message": "Payment required"}, None, "Add credit"),
        (400, {"message": "Your credit balance is too low to access the Claude API."}, None, "Add credit"),
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, None, "Add credit"),
        (
            400,
            {"message": "your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."},
            734_400,
            "there again in 8d 12h, at 2026-12-01 00:00 UTC",
        ),
        (
            429,
            {"message": "quota", "details": [{"violations": [{"quotaId": "RequestsPerDayPerModel"}]}]},
            72_000,
            "there again in 20:00:00, at 2026-11-23 08:00 UTC",
        ),
    ],
)
async def test_an_exhausted_account_says_when_it_heals(talk, reply, status, facts, heals_after_s, advice):
    date = {"date": "Sun, 22 Nov 2026 12:00:00 GMT"}

    error = await talk.failure(reply({"type": "error", "error": facts}, status, date))

    assert type(error) is QuotaExhausted
    assert error.heals_after_s == heals_after_s
    assert advice in error.message


async def test_a_hint_beside_an_error_object_under_200_is_heeded(talk, reply):
    error = await talk.failure(reply(talk.wire.error("slow down", code=429), headers={"retry-after": "7"}))

    assert error.retry_after_s == 7.0


async def test_a_429_carries_its_counts_and_waits_for_the_one_at_zero(talk, reply):
    headers = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"}

    error = await talk.failure(reply(talk.wire.error("slow"), 429, headers | {"x-ratelimit-reset-requests": "6m0s"}))

    assert error.rate == RateSignal(requests=Quota(0, 60, 360.0))
    assert error.retry_after_s == 360.0


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"retry-after": "86400"}, "slow", 86_400.0),
        ({"retry-after": "0.25"}, "slow", 0.25),
        ({"retry-after-ms": "1500"}, "slow", 1.5),
        (
            {"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"},
            "slow",
            30.0,
        ),
        ({}, "Please try again in 1.23s.", 1.23),
        ({}, "slow", None),
    ],
)
async def test_a_hint_is_read_in_full_in_every_form(talk, reply, headers, message, expected):
    assert (await talk.failure(reply(talk.wire.error(message), 429, headers))).retry_after_s == expected


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
@pytest.mark.parametrize("status", [400, 500])
async def test_an_unreadable_error_body_still_is_judged_by_its_status(talk, reply, body, status):
    error = await talk.failure(reply(body, status))

    assert type(error) is (RejectedError if status == 400 else TransientError)
    assert error.status == status


async def test_a_connection_that_breaks_in_the_body_is_transient(talk, reply):
    error = await talk.failure(reply(b'{"id": ', how="short"))

    assert type(error) is TransientError
    assert "broke before the whole answer" in error.message
    assert len(talk.server.seen) == 1


async def test_a_server_that_hangs_up_is_transient_and_asked_once(talk):
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        error = await talk.failure(url=address_of(server))

    assert type(error) is TransientError
    assert connections == 1


async def test_an_enormous_body_is_refused_while_it_arrives(talk, reply):
    error = await talk.failure(reply(b'{"id": "', how="flood"), max_body_bytes=200_000)

    assert type(error) is TransientError
    assert "more than 200000 bytes" in error.message


async def test_an_enormous_error_body_is_refused_too(talk, reply):
    error = await talk.failure(reply(b"{", 500, how="flood"), max_body_bytes=200_000)

    assert type(error) is TransientError


async def test_a_refused_connection_is_offline_and_nothing_was_sent(talk):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = await talk.failure(url=url)

    assert type(error) is OfflineError
    assert not error.sent


async def test_a_name_that_does_not_resolve_is_offline(talk, monkeypatch):
    async def no_such_name(*_args, **_kwargs):
        raise OSError(None, "Name or service not known") from socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(aiohttp.resolver.DefaultResolver, "resolve", no_such_name)

    error = await talk.failure(url="https://provider.invalid")

    assert type(error) is OfflineError
    assert "provider.invalid" in error.message


async def test_a_network_that_swallows_packets_is_offline_and_nothing_was_sent(talk, monkeypatch):
    async def swallowed(*_args, **_kwargs):
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", swallowed)

    error = await talk.failure(url="http://127.0.0.1:9", timeout_s=0.2)

    assert type(error) is OfflineError
    assert not error.sent


async def test_a_tls_greeting_that_is_never_answered_is_offline(talk):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        error = await talk.failure(url=address_of(server).replace("http:", "https:"), timeout_s=0.4)

    assert type(error) is OfflineError


async def test_an_untrusted_certificate_parks_the_lane_with_a_hint(talk, scripted):
    server = await scripted(tls=True)
    error = await talk.failure(url=server.url)

    assert type(error) is UntrustedCertificate
    assert "SSL_CERT_FILE" in error.message
    assert server.seen == []


async def test_tls_to_a_server_that_speaks_none_is_no_certificate_matter(talk):
    error = await talk.failure(url=talk.server.url.replace("http:", "https:"))

    assert type(error) is OfflineError


async def test_a_server_that_sends_nothing_is_a_timeout(talk):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        error = await talk.failure(url=address_of(server), timeout_s=0.1)

    assert type(error) is AttemptTimeout


async def test_a_dripping_answer_ends_with_its_callers_deadline_and_the_client_lives_on(talk, reply):
    provider, request = talk.provider(reply(b" ", how="drip"), reply(talk.wire.plain)), talk.ask(talk.wire)

    async with anyio.create_task_group() as group:
        group.start_soon(provider.generate, request)
        await talk.server.dripping.wait()
        group.cancel_scope.cancel()

    assert (await provider.generate(request)).text == "Hello."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_no_key_leaves(talk, scripted, reply, status):
    elsewhere = await scripted()
    elsewhere.script(reply(talk.wire.plain))
    target = elsewhere.url.replace("127.0.0.1", "localhost")

    error = await talk.failure(reply(b"", status, {"location": f"{target}/v1"}))

    assert type(error) is ModelUnavailable
    assert "redirects to localhost" in error.message
    assert elsewhere.seen == []


async def test_proxies_of_the_environment_do_not_capture_loopback(talk, reply, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert (await talk.answer(reply(talk.wire.plain))).text == "Hello."


async def test_a_retried_request_is_the_same_to_the_byte(talk, reply):
    provider = talk.provider(reply(b"", 500), reply(talk.wire.plain))
    request = talk.ask(talk.wire, extra_body={"b": 1, "a": {"d": 2, "c": 3}})

    with pytest.raises(TransientError):
        await provider.generate(request)
    await provider.generate(request)

    first, second = talk.server.seen
    assert first == second


async def test_connections_are_kept_alive_between_requests(talk):
    connections, closed = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError):  # the client has closed
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
                writer.write(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        closed.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        provider = talk.provider(url=address_of(server))
        for _ in range(3):
            with pytest.raises(TransientError):
                await provider.generate(talk.ask(talk.wire))
        await provider.aclose()
        await asyncio.wait_for(closed.wait(), 5.0)

    assert connections == 1


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_a_key_that_the_provider_echoes_is_shown_nowhere(talk, reply, key, status):
    error = await talk.failure(reply(talk.wire.error(f"the key {key} is not for you"), status))

    assert "the key [key] is not for you" in error.message
    assert key not in "".join(traceback.format_exception(error))


async def test_an_error_keeps_its_cause_where_that_shows_no_key(talk, reply):
    error = await talk.failure(reply(b"{", how="short"))

    assert type(error.__cause__).__module__.split(".")[0] in {"anthropic", "aiohttp", "httpx"}


async def test_a_refused_key_names_the_variable_to_set(talk, reply):
    error = await talk.failure(reply(talk.wire.error("invalid"), 401), key_name="THE_VARIABLE")

    assert "THE_VARIABLE" in error.message


async def test_the_environments_keys_and_addresses_are_ignored(talk, reply, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "a-real-key-of-somebody")
    for name in ("ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")

    await talk.answer(reply(talk.wire.plain), api_key=None)

    assert "a-real-key-of-somebody" not in str(talk.server.seen[0].headers)


@pytest.mark.parametrize("status", [200, 500])
async def test_the_simulators_marker_on_a_real_endpoint_stops_the_lane(talk, reply, status):
    error = await talk.failure(reply(talk.wire.plain, status, {"x-harness-simulator": "1"}))

    assert type(error) is SimulationMismatch
    assert "the config asks for real answers" in error.message


async def test_an_unmarked_answer_on_a_simulated_endpoint_stops_the_lane(talk, reply):
    error = await talk.failure(reply(talk.wire.plain), simulated=True)

    assert type(error) is SimulationMismatch
    assert isinstance(error, LaneError)


async def test_a_marked_answer_on_a_simulated_endpoint_is_taken(talk, reply):
    assert (
        await talk.answer(reply(talk.wire.plain, headers={"x-harness-simulator": "1"}), simulated=True)
    ).text == "Hello."


def test_plain_http_to_another_machine_is_a_config_error(wire):
    from harness.provider import Endpoint

    with pytest.raises(ConfigError, match="not https"):
        wire.make(Endpoint("http://api.example.com", None), wire.model)


async def test_closing_twice_and_closing_unused_are_safe(talk, reply):
    unused, used = talk.provider(), talk.provider(reply(talk.wire.plain))
    await used.generate(talk.ask(talk.wire))

    for provider in (unused, used, used):
        await provider.aclose()


async def test_many_requests_at_once_share_the_pool(talk, reply):
    provider, request = talk.provider(reply(talk.wire.plain), connections=4), talk.ask(talk.wire)

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(provider.generate, request)

    assert len(talk.server.seen) == 40
