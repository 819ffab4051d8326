"""What a config file may say: the keys, their types and their defaults, as pydantic models.

A key that stands both beside `models` and inside one of them is a global value with a per-model override.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, field_validator, model_validator

from harness.config.parts import (
    AsyncSettings,
    Concurrency,
    FieldsConfig,
    LogprobsConfig,
    PerMinute,
    PoolConfig,
    PriceConfig,
    RequestsPerMinute,
    Strict,
    Temperature,
    day,
    none_or_many,
    normal_path,
    one_or_many,
    or_empty,
    ray_resources,
    replicas_or_auto,
    slots_or_auto,
    template,
)
from harness.schema import DtypeName, EngineName, ExecutorName, ProviderType

SIMULATOR = "simulator"
"""As a `base_url`: the loopback simulator, started as a child of the run."""

DEMO_MODEL_PATH = "demo"
"""As a `model_path`: the embedded demo model."""

DEVICES = r"^(auto|cpu|mps|cuda(:[0-9]+)?)$"

TYPE_ALIASES = {
    "anthropic": "claude",
    "google": "gemini",
    "google-genai": "gemini",
    "openai-compatible": "openai",
    "openai_compatible": "openai",
    "vllm": "openai",
    "ollama": "openai",
    "llamacpp": "openai",
    "llama.cpp": "openai",
    "openrouter": "openai",
    "litellm": "openai",
    "hf": "local",
    "huggingface": "local",
    "transformers": "local",
}


class _Shared(Strict):
    """Keys that a model may say for itself and the whole config for all."""

    temperature: Annotated[list[Temperature | None], BeforeValidator(one_or_many), Field(min_length=1)] = Field(
        default=[None]
    )
    max_tokens: Annotated[int, Field(ge=1)] = 2048
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    min_p: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    stop: Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(one_or_many)] | None = None
    system: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42
    repeats: Annotated[int, Field(ge=1)] = 1
    concurrency: Concurrency = 8
    requests_per_minute: RequestsPerMinute | None = None
    input_tokens_per_minute: PerMinute | None = None
    output_tokens_per_minute: PerMinute | None = None
    burst: Annotated[int, Field(ge=1)] = 10
    max_retries: Annotated[int, Field(ge=1)] = 3
    timeout_s: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 180.0
    device: Annotated[str, Field(pattern=DEVICES)] = "auto"
    dtype: DtypeName = "auto"
    engine: EngineName = "auto"
    slots: Annotated[int | None, BeforeValidator(slots_or_auto)] = None
    executor: ExecutorName = "thread"
    replicas: Annotated[int | None, BeforeValidator(replicas_or_auto)] = None
    resources: Annotated[dict[str, Annotated[float, Field(strict=True)]], AfterValidator(ray_resources)] | None = None
    logprobs: LogprobsConfig | None = None
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    template_date: Annotated[str, AfterValidator(day)] | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)
    simulator: str | None = None

    @field_validator("logprobs", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return None if value is False else {} if value is True else value

    @field_validator("simulator")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(
                "must be the URL of a running simulator, such as http://127.0.0.1:8800 (start one with "
                "`harness simulate`), or write `base_url: simulator` at a model to have one started for the run"
            )
        return value


class ModelConfig(_Shared):
    """One entry of `models`."""

    name: Annotated[str, Field(min_length=1)]
    type: ProviderType
    label: Annotated[str, Field(min_length=1)] | None = None
    api_key: Annotated[Annotated[str, Field(min_length=1)] | None, Field(repr=False)] = None
    base_url: str | None = None
    pool: Annotated[str, Field(min_length=1)] | None = None
    price: PriceConfig | None = None
    model_path: str | None = None
    revision: str | None = None
    attn_implementation: str | None = None
    quantization: Literal["int8", "int4"] | None = None
    trust_remote_code: bool = False
    notes: str | None = None
    api_delay: Any = None
    batch_size: Any = None

    @field_validator("price", mode="before")
    @classmethod
    def _free(cls, value: Any) -> Any:
        return {"input": 0.0, "output": 0.0} if value == 0 else value

    @field_validator("type", mode="before")
    @classmethod
    def _alias(cls, value: Any) -> Any:
        return TYPE_ALIASES.get(value.lower(), value.lower()) if isinstance(value, str) else value


class RunConfig(_Shared):
    """A whole config file."""

    description: str | None = None
    prompts_file: str | None = None
    output_dir: Annotated[str, Field(min_length=1), AfterValidator(normal_path)] = "out/run"
    num_prompts: Annotated[int, Field(ge=1)] | None = None
    sample: Annotated[int, Field(ge=1)] | None = None
    order: Literal["file", "shuffled"] = "file"
    fields: Annotated[FieldsConfig, BeforeValidator(or_empty)] = FieldsConfig()
    prompt_template: Annotated[str, AfterValidator(template)] | None = None
    models: Annotated[list[ModelConfig], Field(min_length=1)]
    pools: dict[str, PoolConfig] = Field(default_factory=dict)
    ray_address: Annotated[str, Field(min_length=1)] | None = None
    max_cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    wait_for_quota: bool = False
    reuse: Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(none_or_many)] = Field(
        default_factory=list
    )
    async_settings: AsyncSettings | None = None
    api_delay: Any = None
    batch_size: Any = None

    @model_validator(mode="before")
    @classmethod
    def _concurrency_of_async_settings(cls, data: Any) -> Any:
        """`async_settings.max_concurrency` is the concurrency, unless `concurrency` itself is given."""
        if isinstance(data, dict) and "concurrency" not in data and isinstance(data.get("async_settings"), dict):
            concurrency = data["async_settings"].get("max_concurrency")
            if concurrency is not None:
                return {**data, "concurrency": concurrency}
        return data

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> RunConfig:
        if self.num_prompts is not None and self.sample is not None:
            raise ValueError("num_prompts takes the first prompts and sample draws some: give one of them")
        return self

    @model_validator(mode="after")
    def _pools_exist(self) -> RunConfig:
        for model in self.models:
            if model.pool is None:
                continue
            if model.type is ProviderType.LOCAL:
                raise ValueError(f"models: {model.name}: pools are for APIs; remove `pool` from this local model")
            if model.pool not in self.pools:
                known = f"it has: {', '.join(self.pools)}" if self.pools else "there is no `pools` in this config"
                raise ValueError(f"models: {model.name}: there is no pool called {model.pool}; {known}")
        return self

    def resolved(self, model: ModelConfig) -> ModelConfig:
        """`model` with every key that it leaves out taken from the whole config."""
        given = self.model_fields_set & set(_Shared.model_fields)
        if model.type is ProviderType.LOCAL:
            # A deadline for APIs would cut a slow device's batches; a local model has one where it says so itself.
            given = given - {"timeout_s"}
        inherited = {name: getattr(self, name) for name in given - model.model_fields_set}
        return model.model_copy(update=inherited)

    def ignored_settings(self) -> list[str]:
        """The names of settings that are accepted for old configs' sake and have no effect."""
        places: list[tuple[str, BaseModel | None]] = [("", self), ("async_settings.", self.async_settings)]
        places += [(f"models[{index}].", model) for index, model in enumerate(self.models)]
        return [
            f"{prefix}{name}"
            for prefix, place in places
            if place is not None
            for name in ("api_delay", "batch_size")
            if name in place.model_fields_set
        ]
