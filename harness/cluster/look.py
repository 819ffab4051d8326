"""What a Ray cluster has, or why there is none: asked in a child process, within seconds. Imports no Ray itself."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.cluster.connection import connected_to
from harness.cluster.needs import LOCAL, Node
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTALL = "pip install -c constraints.txt -e '.[ray]'"

_PROGRAM = (sys.executable, "-m", "harness.cluster.probe")
_WITHIN_S = 40.0
_REACHED_WITHIN_S = 5.0
_REFUSED = ("InvalidAuthToken", "Unauthenticated")
_LOG_PREFIX = re.compile(r"\[[^]]*\] \S+:\d+: ")
"""Of Ray's own lines: when, where in which process, and which line of its source."""
_SETTINGS = b"\x04"
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _SETTINGS + b"\0\0\0\0\0"
"""How gRPC, which the head of a cluster speaks, begins: with the name of HTTP/2 and a frame of settings."""
_WAY_IN = (
    "Set RAY_AUTH_MODE=token and the cluster's token in RAY_AUTH_TOKEN (or the file that holds it in "
    "RAY_AUTH_TOKEN_PATH, else ~/.ray/auth_token)"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster that was there a moment ago.

    Args:
        address: as Ray is told it; `local` where one is started on this machine for the run.
    """

    address: str
    nodes: tuple[Node, ...]


def look_at(address: str | None, program: Sequence[str] = _PROGRAM, within_s: float = _WITHIN_S) -> Cluster:
    """What the cluster at `address` has. Without an address, RAY_ADDRESS; without that, what this machine would have.

    A process that is connected already, as a program that uses Ray itself may be, stays with its cluster.

    Args:
        program: the child.
        within_s: how long it may take.

    Raises:
        UsageError: Ray is not installed, there is no cluster, or it does not let us in.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(f"executor: ray needs Ray, which is not installed. Install it: {INSTALL}.")
    address = connected_to() or address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address not in (LOCAL, "auto"):
        _refuse_unreachable(address)
    facts = _asked([*program, address], address, within_s)
    if "error" in facts:
        raise UsageError(_sentence(facts["error"], facts["message"], address))
    return Cluster(address, tuple(Node(node["name"], node["resources"]) for node in facts["nodes"]))


def _refuse_unreachable(address: str) -> None:
    """Ray itself would try for two minutes."""
    if "://" in address:
        raise UsageError(
            f"The Ray address {address}: write the cluster's own, HOST:PORT as `ray start --head` prints it, and run "
            "on a machine of the cluster; a connection through Ray Client is too slow for this."
        )
    host, colon, port = address.rpartition(":")
    bare = ":" in host and not (host[0] == "[" and host[-1] == "]")
    if not host or bare or not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(
            f"The Ray address {address}: write HOST:PORT, as `ray start --head` prints it, or auto for the cluster of "
            "this machine."
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED_WITHIN_S) as there:
            is_head = _speaks_grpc(there)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(_no_cluster(address, why)) from None
    if not is_head:
        raise UsageError(_no_cluster(address, "something else listens there"))


def _speaks_grpc(there: socket.socket) -> bool:
    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return True  # or not: it tells nobody without a certificate
    there.sendall(_HELLO)
    with there.makefile("rb") as said:
        return said.read(4)[3:] == _SETTINGS


def _asked(command: Sequence[str], address: str, within_s: float) -> dict[str, Any]:
    """What the child writes.

    Raises:
        UsageError: it was refused.
    """
    child = subprocess.Popen(  # noqa: S603 - this program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    said: list[str] = []
    refused = threading.Event()
    reader = threading.Thread(target=_read, args=(child, said, refused), daemon=True)
    reader.start()
    late = threading.Timer(within_s, _end, (child,))
    late.start()
    try:
        line = child.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_REACHED_WITHIN_S)
    finally:
        late.cancel()
        _end(child)
        child.wait()
        reader.join(timeout=1)
        child.stdout.close()
    if refused.is_set():
        raise UsageError(
            f"The Ray cluster at {address} refuses this process: its token is wrong or missing. {_WAY_IN}."
        )
    try:
        facts: dict[str, Any] = json.loads(line)
    except ValueError:
        how = f"no answer within {within_s:g} s" if child.returncode == -signal.SIGKILL else "no answer"
        told = _LOG_PREFIX.sub("", said[-1].strip())[:300] if said else "it said nothing"
        return {"error": "ConnectionError", "message": f"{how}: {told}"}
    return facts


def _read(child: subprocess.Popen[str], said: list[str], refused: threading.Event) -> None:
    """Read what Ray writes; at the first word of a wrong token there is nothing more to wait for."""
    assert child.stderr is not None
    with child.stderr as lines:
        for line in lines:
            said.append(line)
            if any(word in line for word in _REFUSED):
                refused.set()
                _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    """A cluster that the child started ends with it: Ray's processes watch the one that started them."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _sentence(error: str, message: str, address: str) -> str:
    if error == "AuthenticationError":
        return f"The Ray cluster asks for a token, and this process has none. {_WAY_IN}."
    first = message.strip().partition("\n")[0]
    if "Version mismatch" in message:
        return f"The Ray cluster at {address} runs other versions than this process: {' '.join(message.split())[:300]}"
    if address == LOCAL:
        return f"Ray cannot be started on this machine ({error}: {first[:300]})."
    if error == "ConnectionError" and address != "auto":
        # Ray says so of both.
        return (
            f"The Ray cluster at {address} cannot be joined ({first[:300]}): this machine is no node of it, or there "
            f"is none. Run `ray start --address={address}` here, or start the run on a machine of the cluster."
        )
    return _no_cluster(address, f"{error}: {first[:300]}")


def _no_cluster(address: str, why: str) -> str:
    return (
        f"There is no Ray cluster at {address} ({why}). Start one with `ray start --head`, give the address that it "
        "prints with --ray-address, or leave executor: ray out."
    )
