"""What a socket sees of the faults that are troubles of the connection, and what becomes of clients that leave."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest

from harness.simulator import SimulatorServer, SimulatorSettings

FOREVER = ("hang", "drip:interval_ms=1", "huge:mib=1000000")
MIB = 1024 * 1024


async def dial(form, server):
    """A connection over which the form's question has gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps(form.body("What is a CVE?")).encode()
    head = {"host": "127.0.0.1", "content-length": str(len(body)), "content-type": "application/json", **form.headers}
    lines = [f"POST {form.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    return reader, writer


async def head_of(reader):
    async with asyncio.timeout(5):
        return (await reader.readuntil(b"\r\n\r\n")).decode().lower()


async def leave(writer):
    writer.transport.abort()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server has no event for what it counts
            await asyncio.sleep(0.001)


@pytest.fixture
def serving(simulator):
    async def start(word):
        return await simulator(SimulatorSettings(faults={word: 1}, refusal_share=0, long_share=0))

    return start


def ends(server):
    counts = server.counts()
    assert counts.requests == (
        counts.answered + counts.rate_limited + counts.rejected + counts.broken + counts.abandoned + counts.in_flight
    )
    return counts.broken, counts.abandoned, counts.in_flight


async def test_a_reset_comes_before_any_byte(serving, form):
    server = await serving("reset")
    reader, writer = await dial(form, server)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await leave(writer)
    assert ends(server) == (1, 0, 0)
    assert (server.log()[0]["status"], server.log()[0]["fault"]) == (444, "reset")


async def test_a_reset_in_the_body_comes_half_way(serving, form):
    server = await serving("reset-body")
    reader, writer = await dial(form, server)
    head = await head_of(reader)
    announced = int(head.partition("content-length: ")[2].split()[0])
    assert head.startswith("http/1.1 200")
    assert "x-harness-simulator: 1" in head
    assert len(await reader.readexactly(announced // 2)) == announced // 2
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await leave(writer)
    assert ends(server) == (1, 0, 0)
    assert server.log()[0]["status"] == 200


async def test_a_short_body_ends_in_order_before_the_announced_length(serving, form):
    server = await serving("short")
    reader, writer = await dial(form, server)
    announced = int((await head_of(reader)).partition("content-length: ")[2].split()[0])
    body = await reader.read()
    assert 0 < len(body) < announced
    await leave(writer)
    assert ends(server) == (1, 0, 0)


async def test_hanging_sends_nothing_until_the_client_leaves(serving, form):
    server = await serving("hang")
    reader, writer = await dial(form, server)
    await until(lambda: server.counts().in_flight == 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await reader.read(1)
    await leave(writer)
    await until(lambda: ends(server) == (0, 1, 0))
    assert (server.log()[0]["status"], server.counts().by_fault) == (499, {"hang": 1})


async def test_drips_come_one_by_one_for_as_long_as_anybody_listens(simulator, form):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        await asyncio.sleep(0)

    server = await simulator(SimulatorSettings(faults={"drip": 1}), sleep=sleep)
    reader, writer = await dial(form, server)
    assert "transfer-encoding: chunked" in await head_of(reader)
    for _ in range(50):
        assert await reader.readexactly(6) == b"1\r\n \r\n"
    assert set(pauses) == {0.1}
    await leave(writer)
    await until(lambda: ends(server) == (0, 1, 0))


async def test_an_enormous_body_arrives_in_full_if_anybody_wants_it(serving, form):
    server = await serving("huge:mib=33")
    reader, writer = await dial(form, server)
    assert "transfer-encoding: chunked" in await head_of(reader)
    arrived, tail = 0, b""
    while not tail.endswith(b"0\r\n\r\n"):
        chunk = await reader.read(MIB)
        arrived += len(chunk)
        tail = (tail + chunk)[-5:]
    assert arrived > 33 * MIB
    await leave(writer)
    assert ends(server) == (1, 0, 0)


async def test_an_enormous_body_costs_the_server_no_memory_and_ends_with_the_client(serving, forms):
    server = await serving("huge:mib=1000000")
    talks = [await dial(forms["openai"], server) for _ in range(10)]
    tracemalloc.start()
    try:
        for reader, _ in talks:
            for _ in range(64):
                await reader.readexactly(MIB // 16)
        await until(lambda: server.counts().in_flight == 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for _, writer in talks:
        await leave(writer)
    await until(lambda: ends(server) == (0, 10, 0))
    # Of the 40 MiB that went over the wire.
    assert peak < 6 * MIB


@pytest.mark.parametrize("word", FOREVER)
async def test_the_server_survives_clients_that_leave_in_the_middle_without_a_word(serving, forms, http, caplog, word):
    form = forms["openai"]
    server = await serving(word)
    for _ in range(20):
        reader, writer = await dial(form, server)
        if word != "hang":
            await reader.readexactly(64)
        else:
            await until(lambda: server.counts().in_flight == 1)
        await leave(writer)
    await until(lambda: ends(server) == (0, 20, 0))
    assert (await http.get(f"{server.url}/health")).status_code == 200
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


@pytest.mark.parametrize("word", ["reset", "reset-body", "short"])
async def test_a_connection_that_the_server_breaks_is_no_error_of_its_own(serving, form, caplog, word):
    server = await serving(word)
    for _ in range(5):
        reader, writer = await dial(form, server)
        await asyncio.gather(reader.read(), return_exceptions=True)
        await leave(writer)
    await until(lambda: ends(server) == (5, 0, 0))
    assert [record for record in caplog.records if record.name.startswith(("aiohttp", "asyncio"))] == []


@pytest.mark.parametrize("word", FOREVER)
async def test_stopping_does_not_wait_for_faults_without_an_end(form, word):
    async with asyncio.timeout(5):
        async with SimulatorServer(SimulatorSettings(faults={word: 1})) as server:
            _, writer = await dial(form, server)
            await until(lambda: server.counts().in_flight == 1)
        await leave(writer)
