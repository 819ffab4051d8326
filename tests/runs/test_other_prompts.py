"""Runs over other people's prompt files: samples, named columns, templates, another run's answers, no config at all."""

from __future__ import annotations

import json
from collections import Counter

import pytest

GPT = {"name": "gpt-4.1-mini", "type": "openai"}


@pytest.fixture
def table(project, simulator):
    """A CSV of 30 questions under foreign names, sorted by category."""
    lines = [f"q{number},Is claim {number} true?,{'ab'[number // 20]},{number % 2}" for number in range(30)]
    (project.folder / "questions.csv").write_text("\n".join(["key,frage,fach,fake", *lines]) + "\n")
    project.write_config(
        GPT,
        simulator=simulator.url,
        prompts_file="questions.csv",
        fields={"id": "key", "prompt": "frage", "category": "fach", "probe": "fake"},
    )
    return project


def test_named_columns_reach_the_records(table):
    assert table.cli("run", "--plain").code == 0
    record = next(record for record in table.records() if record["prompt_id"] == "q3")
    assert record["prompt"] == "Is claim 3 true?"
    assert record["prompt_category"] == "a"
    assert record["is_synthetic_probe"] is True
    assert record["prompt_metadata"] == {}


def test_a_sample_covers_every_category_and_a_larger_one_extends_it(table, simulator):
    assert table.cli("run", "--plain", "--sample", "6").code == 0
    first = {record["prompt_id"] for record in table.records()}
    strata = Counter((record["prompt_category"], record["is_synthetic_probe"]) for record in table.records())
    assert strata == {("a", False): 2, ("a", True): 2, ("b", False): 1, ("b", True): 1}
    assert table.cli("run", "--plain", "--sample", "12").code == 0
    assert first < {record["prompt_id"] for record in table.records()}
    assert simulator.counts()["requests"] == 12 == len(table.records())


def test_a_sample_and_a_number_of_prompts_are_one_choice(table):
    refused = table.cli("run", "--sample", "6", "--num-prompts", "3")
    assert refused.code == 2
    assert "give one of them" in refused.output


def test_a_flag_goes_before_what_the_config_chooses(table):
    (table.folder / "config.json").write_text(json.dumps(table.config | {"sample": 9}))
    assert table.cli("run", "--plain", "--num-prompts", "3").code == 0
    assert {record["prompt_id"] for record in table.records()} == {"q0", "q1", "q2"}


def test_shuffled_prompts_are_asked_in_a_drawn_order_and_resume(table, simulator):
    (table.folder / "config.json").write_text(json.dumps(table.config | {"order": "shuffled", "concurrency": 1}))
    assert table.cli("run", "--plain", "--num-prompts", "20").code == 0
    order = [record["prompt_id"] for record in table.records()]
    assert sorted(order) != order
    assert set(order) == {f"q{number}" for number in range(20)}
    assert table.cli("run", "--plain").code == 0
    assert len({record["item_id"] for record in table.records()}) == 30 == simulator.counts()["requests"]


def test_a_template_makes_what_is_asked_and_a_changed_one_is_refused(table, simulator):
    templated = table.config | {"prompt_template": "Answer yes or no. {frage}"}
    (table.folder / "config.json").write_text(json.dumps(templated))
    assert table.cli("run", "--plain", "--num-prompts", "2").code == 0
    record = table.records()[0]
    assert record["prompt"].startswith("Answer yes or no. Is claim ")
    assert record["prompt_metadata"]["frage"].startswith("Is claim ")
    assert table.manifest()["prompts"]["prompt_template"] == "Answer yes or no. {frage}"
    simulator.reset()
    (table.folder / "config.json").write_text(json.dumps(table.config | {"prompt_template": "Is it so? {frage}"}))
    for command in (["run", "--plain"], ["check"]):
        refused = table.cli(*command)
        assert refused.code == 2
        assert "--fresh" in refused.output
    assert simulator.counts()["requests"] == 0


def test_another_reading_of_rows_without_ids_is_refused_too(project, simulator):
    rows = [{"a": f"one {number}", "b": f"two {number}"} for number in range(3)]
    project.write_prompts(rows)
    for first, second in (
        ({"prompt_template": "A: {a}"}, {"prompt_template": "B: {a}"}),
        ({"fields": {"prompt": "a"}}, {"fields": {"prompt": "b"}}),
    ):
        project.write_config(GPT, simulator=simulator.url, **first)
        assert project.cli("run", "--plain", "--fresh").code == 0
        folder = max(path.name for path in project.folder.glob("out*"))
        project.write_config(GPT, simulator=simulator.url, **second, output_dir=folder)
        for command in (["run", "--plain"], ["check"]):
            refused = project.cli(*command)
            assert refused.code == 2
            assert f"changed since {folder} was begun" in refused.output.replace("\n", " ")
    assert simulator.counts()["requests"] == 6


def test_a_template_for_a_column_that_is_not_there_sends_nothing(table, simulator):
    (table.folder / "config.json").write_text(json.dumps(table.config | {"prompt_template": "{fragen}"}))
    refused = table.cli("run", "--plain")
    assert refused.code == 2
    assert "Did you mean 'frage'?" in refused.output
    assert simulator.counts()["requests"] == 0


def test_a_judge_is_a_second_run_over_the_answers_of_the_first(table, simulator):
    assert table.cli("run", "--plain", "--num-prompts", "4").code == 0
    table.write_config(
        {"name": "claude-sonnet-4-6", "type": "claude"},
        simulator=simulator.url,
        prompts_file="out/results.jsonl",
        output_dir="judged",
        prompt_template="Question: {prompt}\nAnswer: {full_response}\nIs the answer right?",
    )
    done = table.cli("run", "--plain")
    assert done.code == 0
    assert "every answer of that run is a prompt" in done.output
    answers = {record["item_id"]: record for record in table.records()}
    judged = table.records("judged")
    assert {record["prompt_id"] for record in judged} == answers.keys()
    for record in judged:
        answer = answers[record["prompt_id"]]
        assert f"Answer: {answer['full_response']}\n" in record["prompt"]
        assert record["prompt_metadata"]["variant"] == answer["variant"]
        assert record["prompt_category"] == answer["prompt_category"]


def test_asking_the_same_again_is_said(table, simulator):
    assert table.cli("run", "--plain", "--num-prompts", "2").code == 0
    table.write_config(GPT, simulator=simulator.url, prompts_file="out/results.jsonl", output_dir="again")
    done = table.cli("run", "--plain")
    assert done.code == 0
    assert "To ask about the answers, write a prompt_template" in done.output.replace("\n", " ")
    assert {record["prompt"] for record in table.records("again")} == {record["prompt"] for record in table.records()}


def test_a_run_needs_no_config(project):
    (project.folder / "mine.csv").write_text("question\nIs it?\nWas it?\n")
    done = project.process("run", "--prompts", "mine.csv", "--model", "local:demo", "--plain", config=False)
    assert done.code == 0, done.output
    records = project.records("out/mine")
    assert {record["prompt"] for record in records} == {"Is it?", "Was it?"}
    assert {record["model"] for record in records} == {"demo"}
    assert project.manifest("out/mine")["invocations"][0]["command"][-5:] == [
        "--prompts", "mine.csv", "--model", "local:demo", "--plain",
    ]  # fmt: skip


def test_several_models_without_a_config_are_rehearsed_without_keys(project):
    (project.folder / "mine.csv").write_text("question\nIs it?\n")
    flags = (
        "--prompts",
        "mine.csv",
        "--model",
        "claude:claude-sonnet-4-6",
        "--model",
        "local:Qwen/Qwen2.5-0.5B-Instruct",
    )
    assert project.process("check", *flags, config=False).code == 2
    done = project.process("run", *flags, "--rehearse", "--plain", config=False)
    assert done.code == 0, done.output
    assert {record["variant"] for record in project.records("out/mine-rehearsal")} == {
        "claude-sonnet-4-6@default",
        "Qwen/Qwen2.5-0.5B-Instruct@0.0",
    }
