"""What tests share: a loop whose clock is virtual, requests made of next to nothing, and a ban on the real network."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from harness.plan import requests_for
from harness.record import Record
from harness.schema import (
    Completion,
    FinishReason,
    Prompt,
    ProviderType,
    SamplingParams,
    TokenLogprob,
    Usage,
    Variant,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: when nothing is ready, its clock jumps to the next timer.

    Every iteration costs at least 1e-7 s, since aiolimiter reads `loop.time()` and would spin on a clock that stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.turns = 0
        """Iterations so far: what turns in circles while time stands shows here."""

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        self.now += 1e-7
        self.turns += 1
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


class Simulator:
    """A simulator in a process of its own, and what it has counted."""

    def __init__(self, url: str) -> None:
        self.url = url

    def counts(self) -> dict:
        return self._json("GET", "counts")

    def log(self) -> list:
        return self._json("GET", "log")

    def reset(self) -> None:
        self._json("POST", "reset")

    def _json(self, method: str, what: str):
        request = urllib.request.Request(f"{self.url}/_simulator/{what}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None


@pytest.fixture(scope="session")
def _simulators() -> Iterator[Callable[..., Simulator]]:
    """Simulators by their settings, each started when it is first asked for and ended with the session."""
    running: dict[str, tuple[Simulator, subprocess.Popen]] = {}

    def start(**settings) -> Simulator:
        said = json.dumps({"latency_spread": 0.0, **settings})
        if said not in running:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness.simulator", "--parent-watch", "--settings-json", said],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            running[said] = (Simulator(json.loads(process.stdout.readline())["url"]), process)
        return running[said][0]

    yield start
    for _, process in running.values():
        process.communicate(timeout=10)


@pytest.fixture
def start_simulator(_simulators) -> Callable[..., Simulator]:
    """Gives a simulator with these settings that has counted nothing yet."""

    def start(**settings) -> Simulator:
        made = _simulators(**settings)
        made.reset()
        return made

    return start


@pytest.fixture
def simulator(start_simulator) -> Simulator:
    """A simulator that answers at once and has counted nothing yet."""
    return start_simulator(latency_s=0.0)


@pytest.fixture
def slow_simulator(start_simulator) -> Simulator:
    """A simulator that takes 50 ms for every answer and has counted nothing yet."""
    return start_simulator(latency_s=0.05)


@pytest.fixture
def local_record(make_variant) -> dict:
    """A local model's answer of two tokens, as a reader of results.jsonl gets it."""
    variant = make_variant("tiny@0.7", provider=ProviderType.LOCAL, model="tiny", sampling=SamplingParams(0.7, 12))
    prompt = Prompt("p1", "Is it so?")
    completion = Completion(
        text="No",
        finish_reason=FinishReason.STOP,
        usage=Usage(input=9, output=2, total=11),
        model_version="sha256:aa",
        sent={"temperature": 0.7, "max_tokens": 12, "seed": 7, "top_p": None, "top_k": None, "stop": None},
        token_logprobs=(
            TokenLogprob(0, "No", 17, -0.5, -0.6, ("No", "Yes"), (17, 18), (-0.5, -1.0)),
            TokenLogprob(1, "</s>", 1, -0.1, -0.2, ("</s>", "."), (1, 9), (-0.1, -3.0)),
        ),
        logprobs_of="scores",
        output_token_ids=(17, 1),
        runtime={
            "dtype": "float32",
            "device": "cpu",
            "engine": "continuous",
            "slots": 16,
            "attention": "sdpa",
            "quantization": None,
            "source": "demo",
            "revision": None,
            "weights": "sha256:aa",
            "torch": "2.13.0",
            "transformers": "5.23.0",
        },
        template={
            "form": "chat_template",
            "hash": "t1",
            "kwargs": None,
            "system": None,
            "date": None,
            "prompt_hash": "h1",
        },
    )
    [request] = requests_for(variant, 42, [prompt])
    at = datetime(2026, 7, 26, tzinfo=UTC)
    record = Record("run", request, completion, None, at, 1.0, 0.0, 0)
    return json.loads(record.to_line())
