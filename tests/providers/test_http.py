"""The tuned client against a real server."""

from __future__ import annotations

import pytest
from httpx_aiohttp import AiohttpTransport

from harness.errors import ConfigError
from harness.provider import Endpoint
from harness.providers.guards import BodyTooLongError
from harness.providers.http import tuned_client


async def test_it_runs_on_aiohttp_with_a_connection_for_every_slot():
    async with tuned_client(Endpoint("https://api.example.com", None, connections=300)) as client:
        transport = client._transport

    assert isinstance(transport, AiohttpTransport)
    assert transport.limits.max_connections == 300
    assert transport.limits.keepalive_expiry >= 60
    assert client.timeout.pool is None
    assert not client.follow_redirects


async def test_bodies_are_asked_for_uncompressed_so_that_the_cap_counts_what_fills_memory(server, reply):
    server.script(reply(b"x" * 1000))

    async with tuned_client(Endpoint(server.url, None, max_body_bytes=1000)) as client:
        assert (await client.get(server.url)).content == b"x" * 1000

    assert server.seen[0].headers["accept-encoding"] == "identity"


async def test_a_byte_over_the_cap_is_refused(server, reply):
    server.script(reply(b"x" * 1001))

    async with tuned_client(Endpoint(server.url, None, max_body_bytes=1000)) as client:
        with pytest.raises(BodyTooLongError):
            await client.get(server.url)


def test_an_unusable_base_url_is_refused_before_any_client_exists():
    with pytest.raises(ConfigError):
        tuned_client(Endpoint("http://api.example.com", None))
