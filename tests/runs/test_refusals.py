"""Bad input gets a sentence and exit code 2, before any request is sent."""

from __future__ import annotations

import json

import pytest

GPT = {"name": "gpt-4.1-mini", "type": "openai"}


def _prompts(text: str | bytes, name: str = "prompts.json"):
    def write(project) -> None:
        (project.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


CONFIGS = [
    ("an unknown key", {"promts_file": "x"}, [GPT], r"promts_file", r"`prompts_file`"),
    ("an unset variable", {}, [{**GPT, "simulator": None, "api_key": "${NOT_SET}"}], "NOT_SET", "export NOT_SET"),
    ("a key that is missing", {"simulator": None}, [GPT], "OPENAI_API_KEY", "--rehearse"),
    (
        "no GPU",
        {},
        [{"name": "demo", "type": "local", "model_path": "demo", "device": "cuda:7"}],
        "cuda",
        "--device cpu",
    ),
    ("two variants of one identity", {}, [GPT, GPT], "one and the same", "`label`"),
    ("no weights", {}, [{"name": "m", "type": "local", "model_path": "./empty"}], "empty", "safetensors"),
    ("no such folder", {}, [{"name": "m", "type": "local", "model_path": "./nowhere"}], "nowhere", "model_path"),
    (
        "a temperature nobody can honour",
        {},
        [{"name": "claude-opus-4-7", "type": "claude", "temperature": 0}],
        "claude-opus-4-7",
        "temperature: null",
    ),
    ("no prompts file", {"prompts_file": None}, [GPT], "prompts_file", "--prompts"),
    ("a prompts file that is not there", {"prompts_file": "nope.json"}, [GPT], "nope.json", "--prompts"),
]

PROMPTS = [
    ("a duplicate id", '[{"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}]', "'a'|\"a\"|a", "already"),
    ("a missing field", '[{"id": "a"}]', "prompt", "prompts.json"),
    ("an empty prompt", '[{"id": "a", "prompt": " "}]', "has no prompt", "remove the row"),
    ("invalid UTF-8", b'[{"id": "a",\n "prompt": "\xff"}]', "line 2", "UTF-8"),
    ("no prompts", "[]", "no prompts", "prompts.json"),
    ("broken JSON", '[{"id": "a", "prompt": "x"},\n{]', "line 2", "prompts.json"),
]


@pytest.mark.parametrize(
    ("shared", "models", "what", "way_out"), [case[1:] for case in CONFIGS], ids=[c[0] for c in CONFIGS]
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_config_that_cannot_run_is_refused(project, simulator, command, shared, models, what, way_out):
    (project.folder / "empty").mkdir()
    project.write_config(*models, **{"simulator": simulator.url, **shared})
    refused = project.cli(command)
    assert refused.code == 2, refused.output
    assert what in refused.output
    assert way_out in refused.output
    assert simulator.counts()["requests"] == 0


@pytest.mark.parametrize(("content", "what", "way_out"), [case[1:] for case in PROMPTS], ids=[c[0] for c in PROMPTS])
def test_prompts_that_cannot_be_asked_are_refused(project, simulator, content, what, way_out):
    _prompts(content)(project)
    project.write_config(GPT, simulator=simulator.url)
    refused = project.cli("run", "--plain")
    assert refused.code == 2, refused.output
    assert any(word in refused.output for word in what.split("|")), refused.output
    assert way_out in refused.output
    assert simulator.counts()["requests"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--config", "nope.yaml"], "There is no config file nope.yaml"),
        (["run", "--resume", "--fresh"], "give one of them"),
        (["run", "--concurrency", "0"], "concurrency"),
        (["run", "--rpm", "0"], "rpm"),
        (["run", "--model", "gpt-5"], "has no such model"),
        (["run", "--executor", "slurm"], "use thread or ray"),
        (["check", "--executor", "Ray"], "use thread or ray"),
        (["run", "--ray-address", ""], "--ray-address is empty"),
        (["run", "--nonsense"], "nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command_line_is_refused(project, simulator, arguments, sentence):
    project.write_config(GPT, simulator=simulator.url)
    refused = project.cli(*arguments)
    assert refused.code == 2
    assert sentence in refused.output


def test_an_output_that_is_a_file_is_refused(project, simulator):
    (project.folder / "out").write_text("not a folder")
    project.write_config(GPT, simulator=simulator.url)
    refused = project.cli("run")
    assert refused.code == 2
    assert "out is a file" in refused.output


def test_simulated_answers_never_join_a_folder_of_real_ones(project, simulator):
    project.write_config({**GPT, "base_url": f"{simulator.url}/v1"})
    # The server is the simulator and the config says it is not: the lane stops at the first answer.
    stopped = project.cli("run", "--plain")
    assert stopped.code == 3
    assert "simulat" in stopped.output
    assert not project.results.read_bytes()
    manifest = project.manifest()
    assert json.dumps(manifest).count('"simulated": false') >= 1
    project.write_config(GPT, simulator=simulator.url)
    refused = project.cli("run", "--plain")
    assert refused.code == 2
    assert "--fresh" in refused.output


def test_the_start_of_a_run_says_what_has_no_effect(project, simulator):
    project.write_config(GPT, simulator=simulator.url, async_settings={"max_concurrency": 3, "api_delay": 1})
    done = project.cli("run", "--plain")
    assert done.code == 0
    assert done.output.count("api_delay accepted without effect") == 1
