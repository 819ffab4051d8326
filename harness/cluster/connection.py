"""Ray itself: a connection to a cluster, actors on it, and what its exceptions mean here. Knows no group and no lane.

Only this module and `harness.cluster.probe` import Ray, and nothing here imports torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from harness.cluster.actor import EngineActor
from harness.cluster.needs import CPU, GPU, LOCAL, amounts
from harness.cluster.ray_replica import RayReplica, first_line
from harness.cluster.replica import NoRoomError, ReplicaLostError, Whereabouts
from harness.cluster.threads import in_thread
from harness.errors import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.cluster.actor import Hello
    from harness.cluster.needs import Placement
    from harness.local.spec import LocalModelSpec

PLACED_WITHIN_S = 60.0
_ASKED_FOR_S = 5.0
_LONGER_THAN_ANY_RUN_S = 7 * 24 * 3600
"""Ray counts it in a type that a much larger number overflows."""
_SPARE_CALLS = 16


def connected_to() -> str | None:
    """The cluster that this process, a program that uses Ray itself, is connected to already."""
    ray = sys.modules.get("ray")
    return str(ray.get_runtime_context().gcs_address) if ray is not None and ray.is_initialized() else None


def prepare_ray(address: str) -> Any:
    """Import Ray, set as a run needs it; to be called before anything connects.

    Args:
        address: of the cluster, `local` where one is started on this machine.
    """
    # A run does not phone home.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A driver that has lost its cluster would be ended by Ray after a minute, and its API lanes with it.
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(_LONGER_THAN_ANY_RUN_S))
    if address == LOCAL:
        _protect_what_is_started()
    import ray  # noqa: PLC0415 - half a second, only where it is used

    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def join(ray: Any, address: str) -> None:
    """Make this process a driver of the cluster at `address`, or of one started here. Raises whatever Ray raises."""
    started = {"include_dashboard": False} if address == LOCAL else {}
    ray.init(address, log_to_driver=False, configure_logging=False, **started)


def _protect_what_is_started() -> None:
    """Let a cluster that is started here ask for a token, of its own where this machine has none."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    given = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if os.environ["RAY_AUTH_MODE"] == "token" and not given and not (Path.home() / ".ray" / "auth_token").is_file():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


class RayConnection:
    """This process as a driver of a Ray cluster. A connection that was there before stays when this one closes.

    Args:
        actor: what a replica is.
    """

    def __init__(self, ray: Any, *, ours: bool, actor: type[EngineActor] = EngineActor) -> None:
        self._ray = ray
        self._ours = ours
        self._actor = actor

    @classmethod
    def open(cls, address: str, actor: type[EngineActor] = EngineActor) -> RayConnection:
        """Connect; takes seconds where a cluster has to be started, so it is called in a thread.

        Raises:
            ModelUnavailable: there is no connection.
        """
        ray = prepare_ray(address)
        if ray.is_initialized():
            return cls(ray, ours=False, actor=actor)
        _keep_stdout_clean(ray)
        try:
            join(ray, address)
        except Exception as exc:  # noqa: BLE001 - Ray raises whatever its parts raise
            raise ModelUnavailable(
                f"The Ray cluster that was there a moment ago cannot be reached ({first_line(exc)}). Run the same "
                "command again.",
                sent=False,
            ) from None
        return cls(ray, ours=True, actor=actor)

    def close(self) -> None:
        """Disconnect; takes a second where a cluster was started, so it is called in a thread."""
        if self._ours:
            self._ray.shutdown()

    async def launch(self, spec: LocalModelSpec, placement: Placement, number: int, *, demo: bool) -> RayReplica:
        """Start a replica, and wait until its process runs.

        Raises:
            NoRoomError: the cluster has had no room for it for a minute.
            ReplicaLostError: it died, or the cluster does not answer.
            ModelUnavailable: its node has another version of this package, or none.
        """
        _take_back_sigterm()
        replica: RayReplica | None = None
        given_up = threading.Event()

        def make() -> Any:
            actor = self._made(spec, placement, number, demo=demo)
            if given_up.is_set():
                self._ray.kill(actor)
            return actor

        try:
            async with asyncio.timeout(PLACED_WITHIN_S):
                actor = await in_thread(make)
                replica = RayReplica(self._ray, actor)
                hello: Hello = await replica.call(actor.hello)
        except TimeoutError:
            if replica is None:
                given_up.set()
                raise ReplicaLostError(f"the cluster has not answered for {PLACED_WITHIN_S:g} s") from None
            replica.kill()
            raise NoRoomError(await self._no_room(spec, placement)) from None
        except BaseException:
            given_up.set()
            if replica is not None:
                replica.kill()
            raise
        if hello.version != harness.__version__:
            replica.kill()
            raise ModelUnavailable(
                f"The node {hello.node} has version {hello.version} of this package, and here it is "
                f"{harness.__version__}. Install the same version on every node.",
                sent=False,
            )
        replica.whereabouts = Whereabouts(hello.node, hello.pid)
        return replica

    def _made(self, spec: LocalModelSpec, placement: Placement, number: int, *, demo: bool) -> Any:
        options = _options(placement.resources, spec.most_slots)
        actor = self._ray.remote(self._actor).options(**options)
        return actor.remote(spec, number, _cores(placement.resources), demo=demo)

    async def _no_room(self, spec: LocalModelSpec, placement: Placement) -> str:
        free = "unknown"
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_ASKED_FOR_S):
                free = amounts(await in_thread(self._ray.available_resources))
        return (
            f"A replica of {spec.model_name} takes {amounts(placement.resources)}, and for {PLACED_WITHIN_S:g} s the "
            f"cluster had no room for it: free is {free}. Wait until others have ended or lower `replicas`, then run "
            "the same command again."
        )


def _options(resources: Mapping[str, float], slots: int) -> dict[str, Any]:
    return {
        "num_cpus": resources.get(CPU, 0),
        "num_gpus": resources.get(GPU, 0),
        "resources": {name: amount for name, amount in resources.items() if name not in (CPU, GPU)},
        # Ray would start an actor anew, and run a call twice, behind the journal's back.
        "max_restarts": 0,
        "max_task_retries": 0,
        "max_concurrency": 2 * slots + _SPARE_CALLS,
        "scheduling_strategy": "SPREAD",
    }


def _cores(resources: Mapping[str, float]) -> int | None:
    return max(1, int(resources[CPU])) if resources.get(CPU) and not resources.get(GPU) else None


def _take_back_sigterm() -> None:
    """Connecting gave it to Ray, which writes a stack trace and ends a process that takes three seconds to stop."""
    if threading.current_thread() is threading.main_thread() and (ours := signal.getsignal(signal.SIGTERM)) is not None:
        signal.signal(signal.SIGTERM, ours)
        signal.siginterrupt(signal.SIGTERM, False)


def _keep_stdout_clean(ray: Any) -> None:
    """Ray prints what happens to workers to stdout, where events and tables go; there is no setting for it."""
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # noqa: SLF001
