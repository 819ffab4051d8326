from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config import RunConfig, load_config
from harness.errors import ConfigError

MINIMAL = {"prompts_file": "p.json", "models": [{"name": "m", "type": "claude", "temperature": 0.0}]}


@pytest.fixture
def load(tmp_path):
    def write_and_load(content, name: str = "config.yaml"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return load_config(path)

    return write_and_load


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
def test_yaml_and_json_say_the_same(load, name):
    assert load(MINIMAL, name).models[0].temperature == [0.0]


def test_a_missing_file_names_the_flag(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no config file .*nope\.yaml.*--config"):
        load_config(tmp_path / "nope.yaml")


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        ("models: [", "c.yaml", r"c\.yaml, line 1.*not valid YAML"),
        ('{"models": [}', "c.json", r"c\.json, line 1, column 13: not valid JSON"),
        ("- a\n- b\n", "c.yaml", "a config is a mapping"),
        ("seed: 1\nseed: 2\nmodels: []\n", "c.yaml", r"line 2: the key `seed` stands here twice"),
        ("", "c.yaml", "a config is a mapping"),
        ('{"seed": 1, "seed": 2}', "c.json", "the key `seed` stands twice"),
        ('{"seed": NaN}', "c.json", "NaN is no JSON number"),
        ("models: " + "[" * 3000, "c.yaml", "nested too deep|not valid YAML"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(load, content, name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(content, name)


def test_invalid_utf8_names_its_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"seed: 1\ndescription: \xff\n")
    with pytest.raises(ConfigError, match="line 2: not valid UTF-8"):
        load_config(path)


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "c.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(MINIMAL).encode())
    assert load_config(path).seed == 42


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_prompt": 3}, r"num_prompt: there is no such key\. Did you mean `num_prompts`\?"),
        ({"models": [{"name": "m", "type": "claude", "temprature": 0}]}, r"models\[0\]\.temprature: .*`temperature`"),
        ({"models": [{"type": "claude"}]}, r"models\[0\]\.name: this key is required"),
        ({"models": [{"name": "m", "type": "cloude"}]}, r"models\[0\]\.type: .*'cloude'"),
        ({"models": []}, r"models: "),
        ({"requests_per_minute": 0}, r"requests_per_minute: .*greater than 0"),
        ({"temperature": [0.0, 3.0]}, r"temperature\[1\]: "),
        ({"logprobs": {"tops": 5}}, r"logprobs\.tops: there is no such key\. Did you mean `top`\?"),
        ({"seed": "many"}, r"seed: .*'many'"),
        ({"temperature": True}, r"temperature: .*not true or false"),
        ({"num_prompts": True}, r"num_prompts: .*not true or false"),
        ({"device": "gpu"}, r"device: .*'gpu'"),
        ({"engine": "vllm"}, r"engine: .*'continuous' or 'generate' .*'vllm'"),
        ({"template_date": "26 July"}, r"template_date: must be a day such as 2026-07-26 \(given: '26 July'\)"),
        ({"slots": "many"}, r"slots: must be auto, or a whole number of prompts from 1 to 4096 \(given: 'many'\)"),
        ({"slots": 0}, r"slots: must be auto"),
        ({"slots": True}, r"slots: .*not true or false"),
        ({"models": [{"name": "m", "type": "local", "slots": 1.5}]}, r"models\[0\]\.slots: must be auto"),
        ({"executor": "slurm"}, r"executor: .*'thread' or 'ray' .*'slurm'"),
        ({"replicas": 0}, r"replicas: must be auto, or a whole number of replicas from 1 to 10000 \(given: '0'\)"),
        ({"replicas": "all"}, r"replicas: must be auto, .*'all'"),
        ({"replicas": 1.5}, r"replicas: must be auto"),
        ({"replicas": 10_001}, r"replicas: must be auto"),
        ({"replicas": True}, r"replicas: .*not true or false"),
        ({"resources": {}}, r"resources: must name what a replica takes, such as {GPU: 1}; leave it out for what the"),
        (
            {"resources": {"GPU": 1.5}},
            r"resources: must be a whole number of GPU, or a part of one such as 0\.5, and not 1\.5",
        ),
        ({"resources": {"GPU": 0}}, r"resources: must be a whole number of GPU, .* not 0\."),
        ({"resources": {"GPU": -1}}, r"resources: must be a whole number of GPU, .* not -1\."),
        (
            {"resources": {"memory": 1000}},
            r"resources: must be of GPU, CPU, or what a node was started with; memory is",
        ),
        ({"resources": {"GPU": "one"}}, r"resources\.GPU: .*number.*'one'"),
        ({"resources": {"GPU": True}}, r"resources\.GPU: .*valid number"),
        ({"resources": "GPU"}, r"resources: .*'GPU'"),
        (
            {"models": [{"name": "m", "type": "local", "resources": {"lab": 2.5}}]},
            r"models\[0\]\.resources: .* of lab, .* not 2\.5",
        ),
        ({"ray_address": ""}, r"ray_address: "),
        ({"ray_adress": "head:6379"}, r"ray_adress: .*`ray_address`"),
        (
            {"models": [{"name": "m", "type": "local", "ray_address": "a:1"}]},
            r"models\[0\]\.ray_address: there is no such",
        ),
        ({"system": "\ud800"}, r"system: holds a NUL or half a character"),
        ({"extra_body": {"n": 10**30}}, r"extra_body\.n: the number has more than 64 bits"),
        ({"simulator": "yes"}, r"simulator: must be the URL of a running simulator"),
    ],
)
def test_a_mistake_is_told_with_its_path_and_the_nearest_key(load, change, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load({**MINIMAL, **change})


def test_all_mistakes_are_told_at_once(load):
    with pytest.raises(ConfigError, match=r"2 mistake") as told:
        load({**MINIMAL, "seeed": 1, "max_token": 2})
    assert "seeed" in str(told.value)
    assert "max_token" in str(told.value)


def test_a_credential_of_the_wrong_form_is_not_shown(load):
    with pytest.raises(ConfigError) as told:
        load({**MINIMAL, "models": [{"name": "m", "type": "claude", "api_key": ["sk-canary"]}]})
    assert "canary" not in str(told.value)


def test_yaml_merge_keys_work(load):
    config = load("models: [&first {name: a, type: claude, max_tokens: 9}, {<<: *first, name: b}]\n")
    assert [(model.name, model.max_tokens) for model in config.models] == [("a", 9), ("b", 9)]


def test_a_date_is_no_text(load):
    with pytest.raises(ConfigError, match=r"system: .*in quotes"):
        load("system: 2026-01-01\nmodels: [{name: m, type: claude}]\n")


def test_the_output_folder_is_named_after_the_config_where_it_says_nothing(load):
    assert load(MINIMAL, "night.yaml").output_dir == "out/night"


@pytest.mark.parametrize(
    ("word", "kind"),
    [("anthropic", "claude"), ("google", "gemini"), ("OpenAI", "openai"), ("vllm", "openai"), ("huggingface", "local")],
)
def test_aliases_of_types_are_understood(load, word, kind):
    assert load({**MINIMAL, "models": [{"name": "m", "type": word}]}).models[0].type == kind


def test_a_config_of_the_original_script_loads_unchanged(load):
    config = load(
        {
            "description": "Full pilot",
            "prompts_file": "data/prompts/hallu-sec-benchmark.json",
            "output_dir": "results/pilot",
            "num_prompts": None,
            "seed": 42,
            "max_retries": 3,
            "requests_per_minute": 60,
            "async_settings": {"max_concurrency": 5, "api_delay": 1.0, "batch_size": 4},
            "models": [
                {
                    "name": "claude-3-5-sonnet-20241022",
                    "type": "claude",
                    "temperature": 0.0,
                    "api_key": "${ANTHROPIC_API_KEY}",
                    "notes": "x",
                },
                {
                    "name": "Qwen/Qwen2.5-14B-Instruct",
                    "type": "local",
                    "temperature": 0.7,
                    "device": "cuda",
                    "model_path": "Qwen/Qwen2.5-14B-Instruct",
                },
            ],
        },
        "config_full_pilot.json",
    )
    assert config.concurrency == 5
    assert config.resolved(config.models[0]).concurrency == 5
    assert config.resolved(config.models[0]).requests_per_minute == 60
    assert config.ignored_settings() == ["async_settings.api_delay", "async_settings.batch_size"]


def test_an_explicit_concurrency_goes_before_async_settings(load):
    assert load({**MINIMAL, "concurrency": 3, "async_settings": {"max_concurrency": 9}}).concurrency == 3


def test_the_shipped_configs_are_valid():
    for path in sorted(Path("configs").glob("*.yaml")):
        assert load_config(path).models, path


@pytest.mark.parametrize(
    ("shared", "own", "slots"), [(8, None, 8), (8, "auto", None), ("auto", 4, 4), (None, None, None)]
)
def test_slots_of_a_model_go_before_those_of_all_and_auto_is_no_number(load, shared, own, slots):
    model = {"name": "m", "type": "local"} | ({"slots": own} if own else {})
    config = load({"prompts_file": "p.json", "models": [model]} | ({"slots": shared} if shared else {}))

    assert config.resolved(config.models[0]).slots == slots


def test_replicas_are_a_number_or_as_many_as_there_is_room_for(load):
    models = [{"name": "m", "type": "local", "replicas": 3}, {"name": "n", "type": "local", "replicas": "auto"}]
    config = load({"prompts_file": "p.json", "replicas": 2, "models": [*models, {"name": "o", "type": "local"}]})

    assert [config.resolved(model).replicas for model in config.models] == [3, None, 2]


def test_what_a_replica_takes_is_whole_numbers_and_parts_of_one(load):
    asked = {"GPU": 0.25, "CPU": 4, "lab": 0.0001}
    config = load({**MINIMAL, "executor": "ray", "resources": asked, "ray_address": "head:6379"})

    resolved = config.resolved(config.models[0])
    assert (resolved.executor, resolved.resources, config.ray_address) == ("ray", asked, "head:6379")


def test_less_than_ray_counts_is_refused():
    with pytest.raises(ValueError, match=r"must be a whole number of GPU, .* and not 5e-05"):
        RunConfig.model_validate({**MINIMAL, "resources": {"GPU": 0.00005}})


def test_without_a_word_local_models_run_in_a_thread(load):
    resolved = load(MINIMAL).resolved(load(MINIMAL).models[0])
    assert (resolved.executor, resolved.replicas, resolved.resources) == ("thread", None, None)
