"""What tests share: a loop whose clock is virtual, requests made of next to nothing, and a ban on the real network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

import pytest

from harness.plan import requests_for
from harness.schema import Prompt, ProviderType, SamplingParams, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: when nothing is ready, its clock jumps to the next timer.

    Every iteration costs at least 1e-7 s, since aiolimiter reads `loop.time()` and would spin on a clock that stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        self.now += 1e-7
        if not self._ready:
            waiting = [handle.when() for handle in self._scheduled if not handle.cancelled()]
            if waiting:
                self.now = max(self.now, min(waiting))
        super()._run_once()


@pytest.fixture
def run_virtually() -> Callable[[Coroutine], object]:
    """Run a coroutine to its end on a loop whose time is virtual."""

    def run(main: Coroutine) -> object:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(main)

    return run


@pytest.fixture
def make_variant() -> Callable[..., Variant]:
    def make(name: str = "model@0.0", **facts) -> Variant:
        given = {"provider": ProviderType.OPENAI, "model": "model", "sampling": SamplingParams(0.0), "run_seed": 42}
        return Variant(name=name, **{**given, **facts})

    return make


@pytest.fixture
def make_requests(make_variant) -> Callable[..., list]:
    def make(count: int, variant: Variant | None = None) -> list:
        prompts = [Prompt(f"p{index}", f"question {index}") for index in range(count)]
        return list(requests_for(variant or make_variant(), 42, prompts))

    return make


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for anything but loopback fails, instead of hanging or spending money."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and not ipaddress.ip_address(address[0]).is_loopback:
            pytest.fail(f"a test tried to connect to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
