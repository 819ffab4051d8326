from __future__ import annotations

import pytest
import yaml

from harness.analysis.pack.derived import config_yaml, narrowed_by, requirements_lock
from harness.config import config_of, expand, load_config
from harness.identity import variant_identity
from harness.manifest import describe_config, describe_variant


def manifest_of(config) -> dict:
    """What run.json says of a config."""
    variants = {lane.variant.name: describe_variant(lane.variant) for lane in expand(config)}
    return {"config": describe_config(config), "variants": variants, "prompts": {}, "invocations": []}


def again(tmp_path, config, *, rebuilt=False):
    path = tmp_path / "config.yaml"
    path.write_text(config_yaml(manifest_of(config), "prompts/p.json", rebuilt=rebuilt))
    return load_config(path)


GLOBALS = {"temperature": [0.0, 0.7], "max_tokens": 99, "top_p": 0.9, "system": "Be brief.", "repeats": 2}
CONFIGS = {
    "plain": {"models": [{"name": "m", "type": "openai"}]},
    "of the whole": {**GLOBALS, "models": [{"name": "m", "type": "openai"}, {"name": "c", "type": "claude"}]},
    # What a model says for itself may be the default, which run.json leaves out.
    "back at the default": {
        **GLOBALS,
        "seed": 7,
        "models": [{"name": "m", "type": "openai", "temperature": None, "max_tokens": 2048, "seed": 42, "repeats": 1}],
    },
    "local": {
        "logprobs": {"top": 3, "positions": "all"},
        "models": [{"name": "q", "type": "local", "dtype": "float32"}],
    },
    "local without logprobs": {"models": [{"name": "q", "type": "local", "logprobs": False}]},
    "labels": {"models": [{"name": "m", "type": "openai", "label": one, "seed": 3} for one in "ab"]},
    "pools": {
        "pools": {"p": {"requests_per_minute": 9}},
        "models": [{"name": "m", "type": "openai", "pool": "p", "price": 0, "extra_body": {"x": [1]}}],
    },
}


@pytest.mark.parametrize("data", CONFIGS.values(), ids=CONFIGS)
def test_the_config_makes_the_same_items_with_the_same_evidence(tmp_path, data):
    config = config_of(data, "config")
    made = again(tmp_path, config)
    before, after = ([(lane.variant, lane.seed) for lane in expand(one)] for one in (config, made))
    assert [variant_identity(one) for one, _ in after] == [variant_identity(one) for one, _ in before]
    assert [(one.name, one.repeats, one.logprobs, seed) for one, seed in after] == [
        (one.name, one.repeats, one.logprobs, seed) for one, seed in before
    ]
    assert made.pools == config.pools


def test_it_takes_prompts_and_results_of_the_pack_and_chooses_as_before(tmp_path):
    config = config_of(CONFIGS["plain"] | {"sample": 5, "seed": 3, "prompts_file": "a.json", "output_dir": "o"}, "c")
    made = again(tmp_path, config)
    assert (made.prompts_file, made.output_dir, made.sample, made.seed) == ("prompts/p.json", ".", 5, 3)


def test_of_rebuilt_prompts_all_are_meant_and_they_are_read_as_before(tmp_path):
    reading = {"sample": 5, "order": "shuffled", "prompt_template": "Q: {x}", "fields": {"id": "key"}}
    made = again(tmp_path, config_of(CONFIGS["plain"] | reading, "c"), rebuilt=True)
    assert (made.sample, made.order, made.prompt_template, made.fields.id) == (None, "file", "Q: {x}", "key")


@pytest.mark.parametrize(("key", "kept"), [("${CAMPUS}", "${CAMPUS}"), ("written-out", None), (None, None)])
def test_a_key_is_the_name_of_its_variable_or_is_not_there(key, kept):
    model = {"name": "m", "type": "openai"} | ({} if key is None else {"api_key": key})
    text = config_yaml(manifest_of(config_of({"models": [model]}, "c")), "p", rebuilt=False)
    [made] = yaml.safe_load(text)["models"]
    assert made.get("api_key") == kept
    assert "written" not in text


def test_the_lock_file_has_the_last_versions_and_says_what_they_were_before():
    old = {"packages": {"httpx": "0.27", "gone": "1"}}
    last = {
        "harness": "0.1.0",
        "python": "3.11.7",
        "platform": "Linux",
        "packages": {"torch": "2.13.0+cpu", "httpx": "0.28"},
    }
    lines = requirements_lock([old, last]).splitlines()
    assert lines[0] == "# llm-pilot-harness 0.1.0, Python 3.11.7, Linux"
    assert lines[2:] == ["httpx==0.28  # earlier invocations had 0.27", "torch==2.13.0  # recorded as 2.13.0+cpu"]


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("harness run --config c.yaml", []),
        (
            "harness run --num-prompts 20 --plain --model a --model b",
            ["--num-prompts", "20", "--model", "a", "--model", "b"],
        ),
        ("harness run --sample=5 --fresh", ["--sample=5"]),
        ("harness.run", []),
    ],
)
def test_flags_that_narrowed_a_run_are_kept_with_their_values(command, flags):
    assert narrowed_by(command.split()) == flags
