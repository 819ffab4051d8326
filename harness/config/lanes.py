"""A config's models × temperatures as variants, and for each of them the endpoint and the rate pool it needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from harness.config.environment import names_in
from harness.config.model import DEMO_MODEL_PATH, SIMULATOR, ModelConfig, RunConfig
from harness.errors import ConfigError
from harness.identity import variant_identity
from harness.provider import Endpoint
from harness.schema import LogprobsSpec, ProviderType, SamplingParams, Variant
from harness.urls import checked_base_url, is_loopback

if TYPE_CHECKING:
    from harness.config.environment import Environment
    from harness.config.parts import PoolConfig

_DEFAULT_URL = {
    ProviderType.CLAUDE: "https://api.anthropic.com",
    ProviderType.GEMINI: "https://generativelanguage.googleapis.com",
    ProviderType.OPENAI: "https://api.openai.com/v1",
}
_DEFAULT_KEY = {
    ProviderType.CLAUDE: "ANTHROPIC_API_KEY",
    ProviderType.GEMINI: "GOOGLE_API_KEY",
    ProviderType.OPENAI: "OPENAI_API_KEY",
}
_TAKES_SEED = {ProviderType.GEMINI, ProviderType.OPENAI, ProviderType.LOCAL}
_NO_KEY = SecretStr("none")


@dataclass(frozen=True, slots=True)
class PoolKey:
    """What a provider really limits. `credential` is a digest: equal keys share a pool, no key is stored."""

    provider: ProviderType
    endpoint: str
    model: str
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LaneConfig:
    """One variant and the model entry it came from, with every global value filled in.

    `seed` is the run seed that items derive theirs from, whether or not the provider takes one. `pool` is the entry of
    `pools` that the model names.
    """

    variant: Variant
    seed: int
    model: ModelConfig
    pool: PoolConfig | None = None


def is_simulated(model: ModelConfig) -> bool:
    """Whether answers come from the simulator or from the demo weights."""
    if model.type is ProviderType.LOCAL:
        return model.model_path == DEMO_MODEL_PATH
    return model.base_url == SIMULATOR or (model.simulator is not None and model.base_url is None)


def expand(config: RunConfig) -> list[LaneConfig]:
    """Every variant of `config`, in its order.

    Raises:
        ConfigError: two variants are one and the same, or would share a name.
    """
    lanes = [
        LaneConfig(_variant(model, temperature), model.seed, model, config.pools[model.pool] if model.pool else None)
        for model in map(config.resolved, config.models)
        for temperature in model.temperature
    ]
    _refuse_twins(lanes)
    return lanes


def _variant(model: ModelConfig, temperature: float | None) -> Variant:
    local = model.type is ProviderType.LOCAL
    if local and temperature is None:
        # The checkpoint's own default is neutralised, so "not said" has to mean something: greedy.
        temperature = 0.0
    shown = "default" if temperature is None else f"{temperature:g}" if temperature % 1 else f"{temperature:.1f}"
    logprobs = model.logprobs.spec() if model.logprobs else None
    if local and "logprobs" not in model.model_fields_set:
        logprobs = LogprobsSpec()
    return Variant(
        name=f"{model.label or model.name}@{shown}",
        provider=model.type,
        model=model.name,
        sampling=SamplingParams(
            temperature,
            model.max_tokens,
            model.top_p,
            model.top_k,
            tuple(model.stop or ()),
            model.min_p,
            model.repetition_penalty,
        ),
        run_seed=model.seed if model.type in _TAKES_SEED else None,
        label=model.label,
        system=model.system,
        revision=model.revision,
        dtype=model.dtype if local else None,
        quantization=model.quantization,
        chat_template_kwargs=model.chat_template_kwargs if local else {},
        template_date=model.template_date if local else None,
        extra_body={} if local else model.extra_body,
        logprobs=logprobs,
        repeats=model.repeats,
        simulated=is_simulated(model),
    )


def _refuse_twins(lanes: list[LaneConfig]) -> None:
    names: dict[str, bytes] = {}
    for lane in lanes:
        name, identity = lane.variant.name, variant_identity(lane.variant)
        if identity in names.values():
            raise ConfigError(
                f"models: two variants are one and the same ({name}): the same model with the same parameters. "
                "Remove one; where they stand on two servers, give one of them a `label`; to ask several times, "
                "use `repeats`."
            )
        if name in names:
            raise ConfigError(
                f"models: two variants would both be called {name}. Give one of them a `label` to tell them apart."
            )
        names[name] = identity


def endpoint_of(model: ModelConfig, environment: Environment, simulator_url: str | None = None) -> Endpoint:
    """Where `model`'s requests go, and with which credential.

    Args:
        simulator_url: the running simulator's, used where the config says simulator; a model's own
            `simulator: URL` comes first. While no simulator runs yet, the word itself stands for it.

    Raises:
        ConfigError: a key is missing, or the URL may not carry one.
    """
    where = f"models: {model.name}"
    if model.simulator is not None and model.base_url not in {None, SIMULATOR}:
        raise ConfigError(
            f"{where}: base_url names a server and `simulator` a simulator. Remove one, so that it is clear whether "
            "this may cost money."
        )
    simulated = is_simulated(model)
    wanted = model.simulator or simulator_url or "http://127.0.0.1" if simulated else model.base_url
    try:
        url = checked_base_url(wanted or _DEFAULT_URL[model.type])
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if simulated:
        url = f"{url}/v1" if model.type is ProviderType.OPENAI else url
        return Endpoint(url, SecretStr("simulated"), None, model.timeout_s, model.concurrency, simulated=True)
    key, key_name = _credential(model, environment, where)
    return Endpoint(url, key, key_name, model.timeout_s, model.concurrency)


def _credential(model: ModelConfig, environment: Environment, where: str) -> tuple[SecretStr | None, str | None]:
    default = _DEFAULT_KEY[model.type]
    if model.api_key is not None:
        names = names_in(model.api_key)
        return environment.expand(model.api_key, f"{where}: api_key"), names[0] if names else None
    if model.base_url is not None and model.base_url.rstrip("/") != _DEFAULT_URL[model.type]:
        # The provider's own key goes to the provider's own host only, unless the config says otherwise.
        if model.type is ProviderType.OPENAI or is_loopback(model.base_url):
            return _NO_KEY, None
        raise ConfigError(
            f"{where}: base_url is not {model.type.value}'s own host, so no key is sent there unasked. "
            f"Write `api_key: ${{{default}}}` if this host is to receive it."
        )
    return environment.expand(f"${{{default}}}", where), default


def pool_key(model: ModelConfig, endpoint: Endpoint) -> PoolKey:
    """The pool that all variants of `model` with one credential share."""
    secret = endpoint.api_key.get_secret_value() if endpoint.api_key else ""
    credential = hashlib.blake2b(secret.encode(), digest_size=8).hexdigest()
    return PoolKey(model.type, endpoint.base_url, model.name, credential)
