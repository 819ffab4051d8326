"""A port of this machine."""

from __future__ import annotations

import socket

import pytest

from harness.annotate.serving import listen
from harness.errors import UsageError


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1")])
def test_only_this_machine_reaches_it(host, address):
    with listen(host, 0) as made:
        assert made.getsockname()[0] == address
        assert made.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.1", "example.org"])
def test_another_host_is_refused(host):
    with pytest.raises(UsageError, match="labels are taken on this machine only"):
        listen(host, 0)


def test_a_port_in_use_is_refused_and_names_the_flag():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"Port {port} is in use by another program\. Give another one with --port"
        ):
            listen("127.0.0.1", port)


def test_a_port_that_is_none_is_refused():
    with pytest.raises(UsageError, match=r"Port 70000 of 127\.0\.0\.1 cannot be used"):
        listen("127.0.0.1", 70_000)
