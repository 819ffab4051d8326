"""What running a shard comes to, said before anything is sent."""

from __future__ import annotations

import pytest

from harness.config import Environment, RunConfig, expand
from harness.findings import Level, Report
from harness.prompts import PromptSurvey
from harness.shard import WHOLE, Shard
from harness.shard_check import examine_shard

KEYS = Environment({"OPENAI_API_KEY": "sk-one"})
GPT = {"name": "gpt", "type": "openai", "max_tokens": 100}


def _look(shard: Shard, *models: dict, environment: Environment = KEYS, **shared) -> list[tuple[Level, str]]:
    report = Report(survey=PromptSurvey(3, {}, 0, 100, "aa", longest=30))
    config = RunConfig.model_validate({"models": list(models), **shared})
    examine_shard(shard, expand(config), environment, report)
    assert {finding.subject for finding in report.findings} <= {"shard"}
    return [(finding.level, finding.message) for finding in report.findings]


def test_caps_that_divide_are_said_to_be_divided():
    [(level, told)] = _look(Shard(2, 4), {**GPT, "concurrency": 4, "requests_per_minute": 4, "burst": 4})

    assert level is Level.NOTE
    assert told.startswith("2/4: about 1/4 of the items; every pool's caps and max_cost_usd are divided by 4")


def test_of_a_whole_run_nothing_is_said():
    assert _look(WHOLE, {**GPT, "concurrency": 1, "requests_per_minute": 0.5}) == []


@pytest.mark.parametrize(
    ("caps", "level", "said"),
    [
        ({"concurrency": 3}, Level.WARNING, "concurrency 3 leaves every shard one request in flight, 4 in all"),
        ({"requests_per_minute": 3}, Level.WARNING, "one request in 80 s, and as many as 4 may fall into one minute"),
        ({"requests_per_minute": 40, "burst": 3}, Level.NOTE, "burst 3 leaves every shard one; 4 may leave at once"),
        (
            {"output_tokens_per_minute": 396},
            Level.WARNING,
            "output_tokens_per_minute 396 leaves every shard 99, and one answer may take 100",
        ),
        (
            {"output_tokens_per_minute": 400, "extra_body": {"max_completion_tokens": 101}},
            Level.WARNING,
            "output_tokens_per_minute 400 leaves every shard 100, and one answer may take 101",
        ),
        (
            {"input_tokens_per_minute": 116},
            Level.WARNING,
            "input_tokens_per_minute 116 leaves every shard 29, and the longest prompt may take 30",
        ),
        (
            {"input_tokens_per_minute": 120, "system": "Yes."},
            Level.WARNING,
            "input_tokens_per_minute 120 leaves every shard 30, and the longest prompt may take 39",
        ),
    ],
)
def test_a_cap_that_the_shards_together_may_exceed_is_named_with_its_pool(caps, level, said):
    _, (found, told) = _look(Shard(1, 4), {**GPT, **caps})

    assert found is level
    assert told.startswith("gpt: ")
    assert said in told


@pytest.mark.parametrize(
    "caps", [{"burst": 3}, {"output_tokens_per_minute": 400}, {"input_tokens_per_minute": 120}, {"max_tokens": 10**6}]
)
def test_what_is_not_exceeded_is_not_named(caps):
    assert len(_look(Shard(1, 4), {**GPT, **caps})) == 1


def test_a_named_pool_is_looked_at_once_and_local_models_not_at_all():
    found = _look(
        Shard(1, 4),
        {**GPT, "pool": "shared"},
        {**GPT, "name": "other", "pool": "shared"},
        {"name": "demo", "type": "local", "model_path": "demo", "concurrency": 1},
        pools={"shared": {"concurrency": 2}},
    )

    assert [told.partition(":")[0] for _, told in found] == ["1/4", "shared"]


def test_a_key_that_is_missing_is_for_others_to_tell():
    assert len(_look(Shard(1, 4), {**GPT, "concurrency": 1}, environment=Environment({}))) == 1
