from __future__ import annotations

import pytest

from harness.config import config_of, expand
from harness.errors import ConfigError, UsageError
from harness.manifest import describe_variant
from harness.merge.plans import missing_shards, refuse_other_plans
from tests.merge.run_folders import line

GPT = {"name": "m", "type": "openai", "temperature": 0.0}
TINY = {"name": "t", "type": "local", "model_path": "demo"}


def _config(*models: dict, **shared) -> dict:
    return {"prompts_file": "p.json", "models": list(models), **shared}


def _inputs(folders, one: dict, other: dict, **facts):
    return folders.inputs(folders.make("a", line(1), config=one), folders.make("b", line(2), config=other, **facts))


@pytest.mark.parametrize(
    "other",
    [
        _config(GPT, concurrency=3, requests_per_minute=9, burst=2, max_retries=9, timeout_s=7, output_dir="elsewhere"),
        _config(GPT, input_tokens_per_minute=900, output_tokens_per_minute=90, max_cost_usd=3, wait_for_quota=True),
        _config({**GPT, "api_key": "${OTHER}", "base_url": "https://other.example/v1", "price": 0}),
        _config({**GPT, "api_key": "written out", "notes": "x"}, prompts_file="same/p.json", description="y"),
        _config({**GPT, "pool": "p"}, pools={"p": {"concurrency": 2}}, order="shuffled", seed=42),
        _config(GPT, device="cpu", slots=3, engine="generate", template_date=None),
        _config({**GPT, "temperature": 0.0, "max_tokens": 2048}, temperature=[0.7], max_tokens=9),
    ],
)
def test_pace_place_and_spelling_may_differ(folders, other):
    refuse_other_plans(_inputs(folders, _config(GPT), other))


@pytest.mark.parametrize(
    "place", [{"device": "cuda", "slots": 3}, {"executor": "ray", "replicas": 2, "resources": {"worker": 1}}]
)
def test_where_a_local_model_runs_may_differ(folders, place):
    refuse_other_plans(_inputs(folders, _config(TINY, device="cpu"), _config({**TINY, **place})))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (GPT, {**GPT, "max_tokens": 9}, "m@0.0: max_tokens is 2048 in {a} and 9 in {b}"),
        (GPT, {**GPT, "system": "Be brief."}, "m@0.0: system is not set in {a} and 'Be brief.' in {b}"),
        (GPT, {**GPT, "seed": 7}, "m@0.0: run_seed is 42 in {a} and 7 in {b}"),
        (GPT, {**GPT, "repeats": 2}, "m@0.0: repeats is 1 in {a} and 2 in {b}"),
        (GPT, {**GPT, "logprobs": True}, "m@0.0: logprobs is not set in {a} and {{'top': 5"),
        (GPT, {**GPT, "extra_body": {"k": 1}}, "m@0.0: k is not set in {a} and 1 in {b}"),
        (GPT, {**GPT, "base_url": "simulator"}, "m@0.0: simulated is False in {a} and True in {b}"),
        (GPT, {**GPT, "temperature": [0.0, 1.0]}, "m@1.0 is asked in {b} only"),
        ({**GPT, "temperature": [0.0, 1.0]}, GPT, "m@1.0 is asked in {a} only"),
        (TINY, {**TINY, "logprobs": False}, "t@0.0: logprobs is {{'top': 5"),
        (TINY, {**TINY, "dtype": "float32"}, "t@0.0: dtype is 'auto' in {a} and 'float32' in {b}"),
    ],
)
def test_what_is_asked_of_the_models_may_not(folders, one, other, said):
    inputs = _inputs(folders, _config(one), _config(other))

    with pytest.raises(UsageError) as refused:
        refuse_other_plans(inputs)

    a, b = (one.folder for one in inputs)
    assert str(refused.value).startswith(f"{a} and {b} are runs of configs that disagree: ")
    assert said.format(a=a, b=b) in str(refused.value)


@pytest.mark.parametrize(
    ("config", "prompts", "said"),
    [
        ({}, {"sha256": "bb"}, "sha256 of the file is 'aa' in {a} and 'bb' in {b}"),
        ({}, {"fields": {"id": "key"}}, "fields is not set in {a} and {{'id': 'key'}} in {b}"),
        ({}, {"prompt_template": "{x}"}, "prompt_template is not set in {a} and '{{x}}' in {b}"),
        ({"sample": 3}, {}, "sample is not set in {a} and 3 in {b}"),
        ({"num_prompts": 3}, {}, "num_prompts is not set in {a} and 3 in {b}"),
    ],
)
def test_nor_may_the_prompts(folders, config, prompts, said):
    described = {"file": "p.json", "sha256": "aa", "count": 3, **prompts}
    inputs = _inputs(folders, _config(GPT), _config(GPT, **config), prompts=described)

    with pytest.raises(UsageError) as refused:
        refuse_other_plans(inputs)

    a, b = (one.folder for one in inputs)
    assert f"prompts: {said.format(a=a, b=b)}" in str(refused.value)


def test_the_seed_matters_to_prompts_where_it_draws_them(folders):
    ours = {**GPT, "seed": 3}
    refuse_other_plans(_inputs(folders, _config(ours, seed=1), _config(ours, seed=2)))

    drawn = folders.inputs(
        folders.make("c", line(1), config=_config(ours, seed=1, sample=2)),
        folders.make("d", line(2), config=_config(ours, seed=2, sample=2)),
    )
    with pytest.raises(UsageError, match=r"prompts: seed is 1 in .*c and 2 in .*d"):
        refuse_other_plans(drawn)


def test_the_first_differences_are_named_and_the_rest_counted(folders):
    other = {**GPT, "max_tokens": 9, "top_p": 0.5, "top_k": 3, "system": "x", "seed": 1}

    with pytest.raises(UsageError, match=r"and 2 more\. A merge joins runs of one config"):
        refuse_other_plans(_inputs(folders, _config(GPT), _config(other)))


def test_the_third_folder_is_looked_at_too(folders):
    made = [folders.make(name, line(1), config=_config(GPT)) for name in "ab"]
    made.append(folders.make("c", line(1), config=_config({**GPT, "top_k": 2})))

    with pytest.raises(UsageError, match=r"a and .*c are runs of configs that disagree"):
        refuse_other_plans(folders.inputs(*made))


def test_what_was_answered_before_a_config_changed_has_to_agree_too(folders):
    def variants(max_tokens: int) -> dict:
        [lane] = expand(config_of(_config({**GPT, "name": "old", "max_tokens": max_tokens}), "config"))
        return {"old@0.0": describe_variant(lane.variant)}

    one = folders.make("a", line(1), variants=variants(9))
    folders.make("b", line(2), variants=variants(9))
    folders.make("c", line(2), variants=variants(8))

    refuse_other_plans(folders.inputs(one, folders.place / "b"))
    with pytest.raises(UsageError, match=r"old@0.0: max_tokens is 9 in .*a and 8 in .*c"):
        refuse_other_plans(folders.inputs(one, folders.place / "c"))


def test_a_run_json_whose_config_cannot_be_read_is_refused_by_its_name(folders):
    inputs = folders.inputs(folders.make("a", line(1)), folders.make("b", line(1)))
    inputs[1].manifest.config = {"models": [{"nme": "m"}]}

    with pytest.raises(ConfigError, match=r"(?s)b/run\.json has .*nme: there is no such key"):
        refuse_other_plans(inputs)


def _shards(folders, *shards: str | None, **facts):
    return folders.inputs(*(folders.make(f"s{n}", line(n), shard=shard, **facts) for n, shard in enumerate(shards)))


@pytest.mark.parametrize(
    ("shards", "missing"),
    [
        (["1/3", "3/3"], ["2/3"]),
        (["4/4"], ["1/4", "2/4", "3/4"]),
        (["1/2", "2/2", "1/2"], []),
        ([None], []),
        (["1/3", None], []),
    ],
)
def test_missing_shards_are_known_by_number(folders, shards, missing):
    assert [str(shard) for shard in missing_shards(_shards(folders, *shards))] == missing


def test_shards_of_another_number_are_refused(folders):
    with pytest.raises(UsageError, match=r"s0 is shard 1/3 and .*s1 is shard 1/2: they divide the plan differently"):
        missing_shards(_shards(folders, "1/3", "1/2"))


def test_what_was_merged_before_is_known_by_its_parts(folders):
    part = {"run_id": "r", "records": 1}
    merged = [{"folder": "x", "shard": "1/4", **part}, {"folder": "y", "shard": "3/4", **part}]
    nested = [{"folder": "z", "shard": None, **part, "merged_from": merged}]
    one = folders.make("m", line(1), merged_from=nested)

    assert [str(shard) for shard in missing_shards(folders.inputs(one))] == ["2/4", "4/4"]
    with pytest.raises(UsageError, match=r"x is shard 1/4 and .*s is shard 2/3"):
        missing_shards(folders.inputs(one, folders.make("s", line(2), shard="2/3")))
