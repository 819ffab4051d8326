"""What is said of a cluster that is not there, or not ours: programs of a few lines stand in for the child."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from harness.cluster.look import Cluster, look_at
from harness.cluster.needs import LOCAL, Node
from harness.errors import UsageError

FACTS = {"nodes": [{"name": "a", "resources": {"CPU": 8.0}}, {"name": "b", "resources": {"CPU": 2.0, "GPU": 1.0}}]}
NODES = (Node("a", {"CPU": 8.0}), Node("b", {"CPU": 2.0, "GPU": 1.0}))


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_USE_TLS", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 2


@contextlib.contextmanager
def listening(says):
    """The address of something that says to everybody who comes what `says` is; None where it keeps them waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    there, _ = server.accept()
                    with there:
                        there.recv(100)
                        there.sendall(says)

        if says is not None:
            threading.Thread(target=answer, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


SETTINGS = b"\0\0\x06\4\0\0\0\0\0\0\4\0\x40\0\0"


@pytest.fixture
def address():
    """Something listens there that begins as the head of a cluster does."""
    with listening(SETTINGS) as where:
        yield where


@pytest.fixture
def closed():
    """Nothing does there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


def child(code):
    return (sys.executable, "-I", "-S", "-c", f"import sys, time\n{code}")


def saying(facts, then=""):
    return child(f"print({json.dumps(facts)!r}, flush=True)\n{then}")


ECHO = child('print(\'{"nodes": [{"name": "\' + \'|\'.join(sys.argv[1:]) + \'", "resources": {}}]}\', flush=True)')


def test_a_cluster_says_what_its_nodes_have(address):
    assert look_at(address, saying(FACTS)) == Cluster(address, NODES)


def test_a_child_that_does_not_end_after_its_answer_is_ended(address, monkeypatch):
    monkeypatch.setattr("harness.cluster.look._REACHED_WITHIN_S", 0.3)
    assert look_at(address, saying(FACTS, then="time.sleep(60)")).nodes == NODES


def test_without_an_address_the_environment_says_where_and_else_one_is_started_here(address, monkeypatch):
    assert look_at(None, ECHO) == Cluster(LOCAL, (Node(LOCAL, {}),))
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert look_at(None, ECHO) == Cluster(address, (Node(address, {}),))
    assert look_at("auto", ECHO) == Cluster("auto", (Node("auto", {}),))
    assert look_at(LOCAL, ECHO) == Cluster(LOCAL, (Node(LOCAL, {}),))


def test_a_program_that_is_connected_already_stays_with_its_cluster(address, monkeypatch):
    context = SimpleNamespace(gcs_address=address)
    ray = SimpleNamespace(is_initialized=lambda: True, get_runtime_context=lambda: context)
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert look_at(None, ECHO).address == address
    assert look_at("head:6379", ECHO).address == address
    ray.is_initialized = lambda: False
    assert look_at(None, ECHO).address == LOCAL


def refused(address, program=ECHO, **options):
    with pytest.raises(UsageError) as told:
        look_at(address, program, **options)
    return str(told.value)


def test_no_ray_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert refused(None) == (
        "executor: ray needs Ray, which is not installed. Install it: pip install -c constraints.txt -e '.[ray]'."
    )


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:ray", "head:0", "head:70000", "6379", "::1:6379"])
def test_a_malformed_address_is_refused(address):
    assert refused(address) == (
        f"The Ray address {address}: write HOST:PORT, as `ray start --head` prints it, or auto for the cluster of this "
        "machine."
    )


def test_ray_client_is_refused():
    assert "the cluster's own, HOST:PORT as `ray start --head` prints it" in refused("ray://head:10001")


def test_where_nobody_listens_there_is_no_cluster(closed):
    assert refused(closed) == (
        f"There is no Ray cluster at {closed} (Connection refused). Start one with `ray start --head`, give the "
        "address that it prints with --ray-address, or leave executor: ray out."
    )


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-", b""])
def test_what_listens_there_and_is_no_head_is_told_at_once(says):
    """Ray itself would try for forty seconds to speak with a dashboard."""
    with listening(says) as where:
        assert refused(where).startswith(f"There is no Ray cluster at {where} (something else listens there). ")


def test_what_lets_us_in_and_says_nothing_is_told_too(monkeypatch):
    monkeypatch.setattr("harness.cluster.look._REACHED_WITHIN_S", 0.2)
    with listening(None) as where:
        assert refused(where).startswith(f"There is no Ray cluster at {where} (timed out). ")


def test_a_head_that_speaks_tls_alone_is_left_to_ray(monkeypatch):
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with listening(None) as where:
        assert look_at(where, ECHO).address == where


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError("timed out"), "timed out"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError(113, "No route to host"), "No route to host"),
    ],
)
def test_a_host_that_cannot_be_reached_is_told_with_why(monkeypatch, error, why):
    def fail(where, timeout):
        assert where == ("head", 6379)
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    assert refused("head:6379").startswith(f"There is no Ray cluster at head:6379 ({why}). ")


@pytest.mark.parametrize("host", ["..", "a" * 70])
def test_a_name_that_no_host_can_have_is_told_too(host):
    assert refused(f"{host}:6379").startswith(f"There is no Ray cluster at {host}:6379 (")


def test_a_port_of_ipv6_is_an_address(monkeypatch):
    seen = []
    monkeypatch.setattr("harness.cluster.look._speaks_grpc", lambda there: True)
    monkeypatch.setattr(
        socket, "create_connection", lambda where, timeout: seen.append(where) or contextlib.nullcontext()
    )
    assert look_at("[::1]:6379", ECHO).address == "[::1]:6379"
    assert seen == [("::1", 6379)]


WAY_IN = (
    "Set RAY_AUTH_MODE=token and the cluster's token in RAY_AUTH_TOKEN (or the file that holds it in "
    "RAY_AUTH_TOKEN_PATH, else ~/.ray/auth_token)."
)


@pytest.mark.parametrize("words", ["InvalidAuthToken", "Unauthenticated: Invalid or missing authentication token"])
def test_a_wrong_token_is_told_at_the_first_word_of_it(address, words):
    """Ray itself goes on trying for minutes."""
    program = child(f"print('W 12:00 gcs_rpc_client: {words}', file=sys.stderr, flush=True)\ntime.sleep(60)")
    assert refused(address, program) == (
        f"The Ray cluster at {address} refuses this process: its token is wrong or missing. {WAY_IN}"
    )


def test_a_child_that_says_nothing_for_too_long_is_ended(address):
    told = refused(address, child("time.sleep(60)"), within_s=0.2)
    assert told.startswith(f"The Ray cluster at {address} cannot be joined (no answer within 0.2 s: it said nothing): ")


def test_who_is_interrupted_does_not_wait_for_the_child(address):
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        look_at(address, child("time.sleep(60)"))
    interrupt.join()


def test_the_last_words_of_a_child_that_took_too_long_are_told(address):
    program = child(
        "print('one\\n[2026-11-27 17:59:34,447 W 1 1] rpc_client.h:638: GCS is not there', file=sys.stderr, flush=True)\ntime.sleep(60)"
    )
    assert "(no answer within 0.3 s: GCS is not there): " in refused(address, program, within_s=0.3)


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("raise ImportError('no such module')", "ImportError: no such module"),
        ("print('Usage stats collection is on.')", "it said nothing"),
        ("sys.exit(0)", "it said nothing"),
    ],
)
def test_what_is_no_answer_is_told_at_once(address, code, last):
    assert f"(no answer: {last}): " in refused(address, child(code))


@pytest.mark.parametrize(
    ("error", "message", "sentence"),
    [
        ("AuthenticationError", "Token missing\nmore", f"The Ray cluster asks for a token, and this process has none. {WAY_IN}"),
        (
            "RuntimeError",
            "Version mismatch: The cluster was started with:\n    Ray: 2.1\n    Python: 3.10",
            ("The Ray cluster at {address} runs other versions than this process: Version mismatch: The cluster was "
            "started with: Ray: 2.1 Python: 3.10"),
        ),
        (
            "ConnectionError",
            "Ray is not there.\nmore",
            ("The Ray cluster at {address} cannot be joined (Ray is not there.): this machine is no node of it, or there "
            "is none. Run `ray start --address={address}` here, or start the run on a machine of the cluster."),
        ),
        (
            "ValueError",
            "Ray is odd.\nmore",
            ("There is no Ray cluster at {address} (ValueError: Ray is odd.). Start one with `ray start --head`, give "
            "the address that it prints with --ray-address, or leave executor: ray out."),
        ),
    ],
)  # fmt: skip
def test_what_ray_raises_becomes_a_sentence(address, error, message, sentence):
    program = saying({"error": error, "message": message})
    assert refused(address, program) == sentence.format(address=address)


def test_a_cluster_that_cannot_be_started_here_is_told_as_that():
    told = refused(None, saying({"error": "OSError", "message": "no space left"}))
    assert told == "Ray cannot be started on this machine (OSError: no space left)."
