"""`check` as a whole: what it prints, in which order, and its exit code."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from harness.config import Overrides
from harness.local.demo import demo_model_path
from harness.manifest import Manifest
from harness.preflight import check_command

GPT = {"name": "gpt-4.1-mini", "type": "openai"}
DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu"}


@pytest.fixture
def check(project, capsys):
    """The exit code and the lines on stdout."""

    def run(*, online=False, **overrides):
        code = check_command(project.folder / "config.json", Overrides(**overrides), online=online)
        return code, capsys.readouterr().out.splitlines()

    return run


def test_nothing_is_sent_unless_asked_for(project, simulator, check):
    project.write_config(GPT, simulator=simulator.url)

    code, lines = check()

    assert code == 0
    assert lines[-1] == "ready: `harness run` can begin"
    assert simulator.counts()["requests"] == 0


def test_online_asks_and_tells_after_everything_else(project, simulator, check):
    project.write_config(GPT, simulator=simulator.url)

    code, lines = check(online=True)

    assert code == 0
    assert lines[-2].startswith("ok      online: gpt-4.1-mini@")
    assert simulator.counts()["requests"] == 1
    assert not project.results.exists()


def test_a_server_that_is_not_what_the_config_says_is_a_problem(project, simulator, check):
    # The simulator answers, and the config takes it for a real server.
    project.write_config({**GPT, "base_url": f"{simulator.url}/v1"})

    code, lines = check(online=True)

    assert code == 2
    assert any(line.startswith("problem online: ") and "simulat" in line for line in lines)
    assert lines[-1].startswith("1 problem(s)")


def test_a_config_that_cannot_be_expanded_is_not_asked_about(project, simulator, check):
    project.write_config(GPT, GPT, simulator=simulator.url)

    code, _ = check(online=True)

    assert code == 2
    assert simulator.counts()["requests"] == 0


def test_local_models_show_a_prompt_as_they_will_see_it(project, check):
    project.write_config(DEMO)

    code, lines = check()

    assert code == 0
    [shown] = [line for line in lines if line.startswith("ok      template: ")]
    assert "Is claim 0 true?" in shown


def test_a_folder_begun_earlier_shows_the_day_on_which_it_was(project, check):
    model = shutil.copytree(demo_model_path(), project.folder / "model")
    (model / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }} {{ messages[0]['content'] }}")
    project.write_config({**DEMO, "model_path": str(model)})
    project.results.parent.mkdir()
    replace(Manifest.new(), created_at="2024-12-01T23:59:59.000Z").write(project.results.parent)

    _, lines = check()

    assert any("template: " in line and "01 Dec 2024 Is claim 0 true?" in line for line in lines)


def test_only_the_prompts_that_will_be_asked_count(project, check):
    prompts = [{"id": f"p{index}", "prompt": "Why? " * (1 + 20 * index)} for index in range(3)]
    project.write_prompts(prompts)
    project.write_config(DEMO)

    def longest(lines):
        [line] = [line for line in lines if " context: " in line]
        return line.partition("the longest prompt (")[2].partition(")")[0]

    assert longest(check()[1]) == "p2"
    assert longest(check(num_prompts=2)[1]) == "p1"
