"""Which config a command is about, and the one that flags alone make."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import Overrides, choose_config, expand
from harness.errors import ConfigError
from harness.schema import ProviderType


def made(*models, prompts="questions.csv"):
    return choose_config(None, Overrides(models=models, prompts_file=Path(prompts) if prompts else None))


def test_models_with_their_type_need_no_config():
    chosen = made("claude:claude-sonnet-4-6", "local:Qwen/Qwen2.5-0.5B-Instruct")
    assert chosen.path is None
    assert [(model.type, model.name) for model in chosen.config.models] == [
        (ProviderType.CLAUDE, "claude-sonnet-4-6"),
        (ProviderType.LOCAL, "Qwen/Qwen2.5-0.5B-Instruct"),
    ]
    assert chosen.config.prompts_file == "questions.csv"
    assert chosen.overrides.models == ()


def test_the_first_colon_splits_and_the_name_keeps_the_others():
    (model,) = made("openai:ft:gpt-4.1-mini:lab::a1b2").config.models
    assert model.name == "ft:gpt-4.1-mini:lab::a1b2"


@pytest.mark.parametrize(("word", "kind"), [("anthropic", "claude"), ("Google", "gemini"), ("hf", "local")])
def test_other_names_of_a_type_will_do(word, kind):
    (model,) = made(f"{word}:x").config.models
    assert model.type == kind


def test_the_demo_model_is_the_one_that_ships():
    (lane,) = expand(made("local:demo").config)
    assert lane.model.model_path == "demo"
    assert lane.variant.simulated


@pytest.mark.parametrize(
    ("prompts", "folder"),
    [("data/questions.csv", "out/questions"), ("out/pilot/results.jsonl", "out/pilot-results")],
)
def test_results_go_to_a_folder_named_after_the_prompts(prompts, folder):
    assert made("openai:x", prompts=prompts).config.output_dir == folder


@pytest.mark.parametrize(
    ("models", "prompts", "problem"),
    [
        (["openai:x"], None, "--model openai:x without --config needs --prompts FILE"),
        (["openai:x", "gpt-4.1"], "q.csv", "--model gpt-4.1: without --config, every model is written TYPE:NAME"),
        (["openai:"], "q.csv", "--model openai:: the model's name is missing"),
        (["openai: "], "q.csv", "the model's name is missing"),
        (["vllm:llama"], "q.csv", "this server's address has to be said. Write a config"),
    ],
)
def test_flags_that_do_not_say_enough_are_refused(models, prompts, problem):
    with pytest.raises(ConfigError) as refused:
        made(*models, prompts=prompts)
    assert problem in str(refused.value)


def test_the_same_model_twice_is_one_model():
    assert len(made("openai:x", "openai:x").config.models) == 1


def test_without_flags_the_pilot_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"There is no config file configs/pilot\.yaml.*--model TYPE:NAME"):
        choose_config(None, Overrides())
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "pilot.yaml").write_text("models: [{name: demo, type: local, model_path: demo}]")
    assert choose_config(None, Overrides(models=("demo",))).overrides.models == ("demo",)


def test_with_a_config_a_colon_is_part_of_a_name(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("models: [{name: 'openai:mini', type: openai}]")
    chosen = choose_config(path, Overrides(models=("openai:mini",)))
    assert chosen.path == path
    assert chosen.overrides.models == ("openai:mini",)
