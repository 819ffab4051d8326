"""Which lanes share a pool, and what a pool may do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.config import Environment, Overrides, RunConfig, apply_overrides, expand, pools_of, settings_of
from harness.shard import Shard

KEYS = Environment({"OPENAI_API_KEY": "sk-one", "OTHER": "sk-two", "ANTHROPIC_API_KEY": "sk-ant"})


def _config(*models: dict, **shared) -> RunConfig:
    return RunConfig.model_validate({"models": list(models), **shared})


def _pools(config: RunConfig) -> list:
    return [
        ([lane.variant.name for lane in sharers], settings_of(sharers))
        for sharers in pools_of(expand(config), KEYS).values()
    ]


def test_temperatures_of_one_model_share_a_pool_and_its_strictest_caps():
    config = _config(
        {"name": "gpt-4.1", "type": "openai", "temperature": [0.0, 0.7], "input_tokens_per_minute": 5000},
        {"name": "gpt-4.1", "type": "openai", "temperature": 1.0, "concurrency": 3, "input_tokens_per_minute": 900},
        requests_per_minute=60,
    )

    ((names, settings),) = _pools(config)

    assert names == ["gpt-4.1@0.0", "gpt-4.1@0.7", "gpt-4.1@1.0"]
    assert (settings.concurrency, settings.requests_per_minute) == (3, 60)
    assert (settings.input_tokens_per_minute, settings.output_tokens_per_minute) == (900, None)


def test_another_key_is_another_pool():
    config = _config(
        {"name": "gpt-4.1", "type": "openai", "temperature": 0.0},
        {"name": "gpt-4.1", "type": "openai", "temperature": 0.7, "api_key": "${OTHER}"},
    )

    assert len(_pools(config)) == 2


def test_a_named_pool_joins_models_and_providers_and_says_its_own_caps():
    config = _config(
        {"name": "gpt-4.1", "type": "openai", "pool": "shared", "requests_per_minute": 10, "concurrency": 4},
        {"name": "claude-haiku-4-5", "type": "claude", "pool": "shared", "concurrency": 6},
        pools={"shared": {"requests_per_minute": 100, "output_tokens_per_minute": 8000}},
    )

    ((names, settings),) = _pools(config)

    assert names == ["gpt-4.1@default", "claude-haiku-4-5@default"]
    assert settings.requests_per_minute == 100
    assert settings.output_tokens_per_minute == 8000
    assert settings.concurrency == 4


def test_flags_overrule_a_named_pool():
    config = _config(
        {"name": "gpt-4.1", "type": "openai", "pool": "shared"},
        pools={"shared": {"requests_per_minute": 100, "concurrency": 20}},
    )

    ((_, settings),) = _pools(apply_overrides(config, Overrides(concurrency=5, requests_per_minute=30)))

    assert (settings.concurrency, settings.requests_per_minute) == (5, 30)


def test_a_pool_that_is_not_defined_is_refused():
    with pytest.raises(ValidationError, match="no pool called shard; it has: shared"):
        _config({"name": "gpt-4.1", "type": "openai", "pool": "shard"}, pools={"shared": {}})


def test_a_local_model_has_no_pool():
    with pytest.raises(ValidationError, match="pools are for APIs"):
        _config({"name": "m", "type": "local", "pool": "shared"}, pools={"shared": {}})


def test_a_price_of_zero_says_that_a_model_is_free():
    (model,) = _config({"name": "m", "type": "openai", "price": 0}).models

    assert (model.price.input, model.price.output) == (0.0, 0.0)


def test_a_price_needs_both_sides():
    with pytest.raises(ValidationError, match="output"):
        _config({"name": "m", "type": "openai", "price": {"input": 3.0}})


def test_a_shard_has_its_part_of_every_cap_and_the_parts_together_are_the_cap():
    config = _config(
        {"name": "gpt-4.1", "type": "openai", "pool": "shared", "concurrency": 8, "burst": 2},
        {"name": "o3", "type": "openai", "input_tokens_per_minute": 900},
        pools={"shared": {"requests_per_minute": 100, "output_tokens_per_minute": 8000}},
    )

    named, own = (
        [settings_of(sharers, Shard(index, 3)) for index in (1, 2, 3)]
        for sharers in pools_of(expand(config), KEYS).values()
    )

    assert [part.concurrency for part in named] == [3, 3, 2]
    assert [part.burst for part in named] == [1, 1, 1]
    assert sum(part.requests_per_minute for part in named) == pytest.approx(100)
    assert [part.output_tokens_per_minute for part in named] == [pytest.approx(8000 / 3)] * 3
    assert (named[0].input_tokens_per_minute, own[0].requests_per_minute) == (None, None)
    assert [part.input_tokens_per_minute for part in own] == [300] * 3


def test_what_flags_say_of_a_cap_is_the_whole_runs_too():
    config = apply_overrides(
        _config({"name": "gpt-4.1", "type": "openai", "pool": "shared"}, pools={"shared": {"concurrency": 5}}),
        Overrides(concurrency=12, requests_per_minute=60, shard=Shard(1, 4)),
    )

    (sharers,) = pools_of(expand(config), KEYS).values()

    assert (settings_of(sharers).concurrency, settings_of(sharers).requests_per_minute) == (12, 60)
    part = settings_of(sharers, Shard(1, 4))
    assert (part.concurrency, part.requests_per_minute) == (3, 15)


@pytest.mark.parametrize(
    ("overrides", "folder"),
    [
        (Overrides(shard=Shard(2, 3)), "out/s-shard-2-of-3"),
        (Overrides(shard=Shard(2, 3), rehearse=True), "out/s-shard-2-of-3-rehearsal"),
        (Overrides(shard=Shard(2, 3), output_dir=Path("out/mine")), "out/mine"),
        (Overrides(shard=Shard.parse("1/1")), "out/s"),
    ],
)
def test_a_shard_has_a_folder_of_its_own_unless_one_is_named(overrides, folder):
    config = apply_overrides(_config({"name": "gpt-4.1", "type": "openai"}, output_dir="out/s/"), overrides)

    assert config.output_dir == folder
