"""Lane → provider and rate pool: a client for every pool, a thread for every device, each made when first needed.

An SDK or torch is imported only for a lane that uses it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio import to_thread

from harness.config import pools_of, settings_of
from harness.config.lanes import endpoint_of, pool_key
from harness.config.model import DEMO_MODEL_PATH
from harness.limits import RatePool
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.config import Environment, LaneConfig, ModelConfig, PoolKey
    from harness.limits import PoolState
    from harness.local.batcher import LocalWorker
    from harness.local.provider import LocalProvider
    from harness.local.spec import LocalModelSpec
    from harness.local.status import LoadInfo, LocalStatus
    from harness.provider import Endpoint, Provider

_JOIN_S = 5.0


def local_spec(model: ModelConfig) -> LocalModelSpec:
    """What identifies the weights of a local `model`."""
    from harness.local.demo import demo_model_path  # noqa: PLC0415
    from harness.local.spec import LocalModelSpec  # noqa: PLC0415

    demo = model.model_path == DEMO_MODEL_PATH
    optional = {} if model.slots is None else {"slots": model.slots}
    return LocalModelSpec(
        model_name=model.name,
        path=str(demo_model_path()) if demo else model.model_path,
        # What was said of the real weights does not hold for the demo model that stands in for them.
        revision=None if demo else model.revision,
        dtype="auto" if demo else model.dtype,
        device=model.device,
        engine=model.engine,
        attn_implementation=None if demo else model.attn_implementation,
        quantization=None if demo else model.quantization,
        trust_remote_code=model.trust_remote_code and not demo,
        **optional,
    )


def make_api_provider(kind: ProviderType, endpoint: Endpoint, model: str) -> Provider:
    """The client for `model` at `endpoint`. To add a provider, write a module like these and name it here."""
    match kind:
        case ProviderType.CLAUDE:
            from harness.providers.anthropic import ClaudeProvider  # noqa: PLC0415

            return ClaudeProvider(endpoint, model)
        case ProviderType.GEMINI:
            from harness.providers.gemini import GeminiProvider  # noqa: PLC0415

            return GeminiProvider(endpoint, model)
        case ProviderType.OPENAI:
            from harness.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415

            return OpenAICompatibleProvider(endpoint, model)
        case ProviderType.LOCAL:
            raise AssertionError("a local model has no endpoint")


class Registry:
    """Makes what lanes need and closes it again.

    Args:
        simulator_url: of the running simulator, None where no lane is simulated by a child of the run.
        on_pool_change: told of a pool's pauses, with the names of the variants that share it.
        lanes: all of the plan; where models that share a pool differ, the strictest cap holds for it.
    """

    def __init__(
        self,
        environment: Environment,
        simulator_url: str | None,
        on_pool_change: Callable[[list[str], PoolState], None],
        lanes: Sequence[LaneConfig] = (),
    ) -> None:
        self._environment = environment
        self._simulator_url = simulator_url
        self._on_pool_change = on_pool_change
        self._sharers = pools_of(lanes, environment, simulator_url)
        self._clients: dict[PoolKey, Provider] = {}
        self._pools: dict[PoolKey | str, tuple[RatePool, list[str]]] = {}
        self._workers: dict[str, LocalWorker] = {}
        self._local: list[LocalProvider] = []

    def connect(self, lane: LaneConfig) -> tuple[Provider, RatePool]:
        """The provider and the pool of `lane`. Local lanes are connected in the order in which they shall run."""
        if lane.model.type is ProviderType.LOCAL:
            provider = self._local_provider(lane.model)
            return provider, RatePool(provider.in_flight)
        endpoint = endpoint_of(lane.model, self._environment, self._simulator_url)
        key = pool_key(lane.model, endpoint)
        pool, names = self._pool(lane.model.pool or key, lane)
        names.append(lane.variant.name)
        if key not in self._clients:
            sharers = self._sharers.get(lane.model.pool or key, [lane])
            ceiling = replace(
                endpoint, timeout_s=max(sharer.model.timeout_s for sharer in sharers), connections=pool.concurrency
            )
            self._clients[key] = make_api_provider(lane.model.type, ceiling, lane.model.name)
        return self._clients[key], pool

    def pools(self) -> list[tuple[RatePool, list[LaneConfig]]]:
        """Every pool of an API so far, with all lanes that share it, whether or not they are connected."""
        return [(pool, self._sharers.get(key, [])) for key, (pool, _) in self._pools.items()]

    def _pool(self, key: PoolKey | str, lane: LaneConfig) -> tuple[RatePool, list[str]]:
        if key not in self._pools:
            names: list[str] = []
            settings = settings_of(self._sharers.get(key, [lane]))
            pool = RatePool(
                settings.concurrency,
                settings.requests_per_minute,
                settings.burst,
                input_tokens_per_minute=settings.input_tokens_per_minute,
                output_tokens_per_minute=settings.output_tokens_per_minute,
                on_change=lambda state: self._on_pool_change(names, state),
            )
            self._pools[key] = (pool, names)
        return self._pools[key]

    def local_status(self) -> list[LocalStatus]:
        """What the thread of every device is doing."""
        return [worker.status() for worker in self._workers.values()]

    def loads(self) -> list[LoadInfo]:
        """Every load of weights so far."""
        return [info for worker in self._workers.values() for info in worker.loads()]

    def stop_local(self) -> None:
        """End local generation at its next step. Its rows are lost, and cost nothing but time to make again."""
        for worker in self._workers.values():
            worker.stop()

    async def aclose(self) -> None:
        """Close every client and end every thread."""
        self.stop_local()
        async with AsyncExitStack() as stack:
            for worker in self._workers.values():
                stack.push_async_callback(to_thread.run_sync, worker.join, _JOIN_S)
            for provider in (*self._local, *self._clients.values()):
                stack.push_async_callback(provider.aclose)

    def _local_provider(self, model: ModelConfig) -> LocalProvider:
        from harness.local.batcher import LocalWorker  # noqa: PLC0415
        from harness.local.provider import LocalProvider, make_engine  # noqa: PLC0415

        spec = local_spec(model)
        device = _resolved(spec.device)
        if device not in self._workers:
            self._workers[device] = LocalWorker(make_engine, device=device)
        timeout_s = model.timeout_s if "timeout_s" in model.model_fields_set else None
        self._local.append(LocalProvider(spec, self._workers[device], timeout_s=timeout_s))
        return self._local[-1]


def _resolved(device: str) -> str:
    """One name for one device, so that it gets one thread: `auto` and `cuda` mean what `check` found them to mean."""
    if device not in {"auto", "cuda"}:
        return device
    from harness.local.devices import resolve_device  # noqa: PLC0415 - `check` has imported torch for these two

    return str(resolve_device(device))
