"""Answers of another run, taken instead of being asked and paid for again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

import harness
from harness.config import expand, load_config
from harness.errors import UsageError
from harness.plan import requests_for
from harness.record import Record
from harness.schema import Completion, FinishReason, Prompt, Usage

AT = datetime(2026, 3, 1, tzinfo=UTC)
PRICE = {"input": 3.0, "output": 15.0}
DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu", "slots": 4}


@pytest.fixture
def study(project, simulator):
    """A project whose first run, in `first`, has answered 12 of 20 prompts; its config now takes answers from there."""
    gpt = {"name": "gpt-4.1-mini", "type": "openai", "simulator": simulator.url, "price": PRICE}
    project.write_config(gpt)
    assert project.cli("run", "--plain", "--output", "first", "--num-prompts", "12").code == 0
    simulator.reset()
    project.write_config(gpt, reuse=["first"])
    return project


def answers(project, folder="out") -> dict[str, dict]:
    """The answers by their items, none of which may have two."""
    found = [record for record in project.records(folder) if record["error"] is None]
    by_item = {record["item_id"]: record for record in found}
    assert len(by_item) == len(found)
    return by_item


def reused(project, folder="out") -> list[dict]:
    return [record for record in answers(project, folder).values() if record["reused_from"]]


def told(output: str) -> dict:
    """The JSON object in what a command printed, notes on stderr around it."""
    return json.JSONDecoder().raw_decode(output[output.index("{") :])[0]


def test_only_what_is_missing_is_sent(study, simulator):
    done = study.cli("run", "--plain")

    assert done.code == 0
    assert simulator.counts()["requests"] == 8
    there, here = answers(study, "first"), answers(study)
    assert len(here) == 20
    run_id = study.manifest()["run_id"]
    assert {record["run_id"] for record in here.values()} == {run_id} != {study.manifest("first")["run_id"]}
    for item, theirs in there.items():
        ours = here[item]
        assert ours["reused_from"] == {"run_id": theirs["run_id"], "folder": "first", "cost_usd": theirs["cost_usd"]}
        assert ours["cost_usd"] == 0.0 < theirs["cost_usd"]
        assert {name for name in theirs if ours[name] != theirs[name]} == {"run_id", "reused_from", "cost_usd"}
    assert all(record["reused_from"] is None for item, record in here.items() if item not in there)
    assert "note: reuse: 12 answers taken from first" in done.output
    assert "12/20 done (60%)  12 resumed" in done.output
    assert "12 answers were taken from other runs.\n8 new records; 20 of 20 are in out/results.jsonl." in done.output
    assert study.manifest()["invocations"][-1]["totals"] == {"recorded": 8, "reused": 12}
    [event] = [event for event in study.events() if event["event"] == "reused"]
    assert {name: event[name] for name in ("folder", "answers", "taken", "left_out")} == {
        "folder": "first", "answers": 12, "taken": 12, "left_out": {},
    }  # fmt: skip


def test_every_line_is_told_by_its_two_ends(study):
    study.cli("run", "--plain")
    lines = study.results.read_bytes().splitlines(keepends=True)
    assert all(line.startswith(b'{"item_id":"') and line.endswith(b',"error":null}\n') for line in lines)


def test_the_same_command_again_takes_and_sends_nothing(study, simulator):
    study.cli("run", "--plain")
    before = study.results.read_bytes()
    simulator.reset()
    done = study.cli("run", "--plain")
    assert (done.code, study.results.read_bytes(), simulator.counts()["requests"]) == (0, before, 0)
    assert "taken" not in done.output


def test_where_nothing_is_left_nothing_is_sent_and_that_is_said(study, simulator):
    done = study.cli("run", "--plain", "--num-prompts", "10")
    assert done.code == 0
    assert simulator.counts()["requests"] == 0
    assert len(reused(study)) == 10
    assert "10 answers were taken from other runs." in done.output
    assert "all 10 answers are in out/results.jsonl" in done.output
    assert [event["event"] for event in study.events()] == ["begin", "reused", "end"]


def test_a_run_that_has_begun_may_take_answers_when_it_goes_on(study, simulator):
    study.write_config(*study.config["models"])
    study.cli("run", "--plain", "--num-prompts", "3")
    study.write_config(*study.config["models"], reuse="first")
    simulator.reset()
    done = study.cli("run", "--plain")
    assert done.code == 0
    assert "9 answers taken from first" in done.output
    assert simulator.counts()["requests"] == 8
    assert (len(answers(study)), len(reused(study))) == (20, 9)


def test_fresh_takes_answers_of_the_folder_that_it_begins_beside(study, simulator):
    study.write_config(*study.config["models"], output_dir="first", reuse=["first"])
    done = study.cli("run", "--plain", "--fresh")
    assert done.code == 0
    assert simulator.counts()["requests"] == 8
    assert len(reused(study, "first-2")) == 12


def test_a_budget_is_not_touched_by_what_was_taken(study, simulator):
    # An answer of 16 tokens may cost 1.6 cents: 8 of them fit, 20 would not.
    study.write_config({**study.config["models"][0], "price": {"input": 0.0, "output": 1000.0}}, reuse=["first"])
    done = study.cli("run", "--plain", "--max-cost", "0.13")
    assert done.code == 0
    assert simulator.counts()["requests"] == 8
    assert sum(record["cost_usd"] for record in answers(study).values()) <= 0.13


def test_an_item_that_failed_here_is_taken_even_where_failures_are_left_alone(study, start_simulator):
    broken = [{"match": f"claim {number} ", "sequence": [], "then": "400"} for number in (3, 4)]
    broken = start_simulator(fault_script=broken, refusal_share=0.0)
    model = {**study.config["models"][0], "simulator": broken.url}
    study.write_config(model)
    assert study.cli("run", "--plain", "--num-prompts", "6").code == 1
    broken.reset()
    study.write_config(model, reuse=["first"])
    done = study.cli("run", "--plain", "--num-prompts", "6", "--no-retry-failed")
    assert done.code == 0
    assert {record["prompt_id"] for record in reused(study)} == {"p3", "p4"}
    assert (len(answers(study)), broken.counts()["requests"]) == (6, 0)


def test_what_the_prompt_file_says_now_stands_beside_an_answer_that_was_taken(study):
    prompts = json.loads((study.folder / "prompts.json").read_text())
    study.write_prompts([prompt | {"category": "new", "is_synthetic_probe": True, "gold": 1} for prompt in prompts])
    study.cli("run", "--plain")
    for record in reused(study):
        assert (record["prompt_category"], record["is_synthetic_probe"]) == ("new", True)
        assert record["prompt_metadata"] == {"gold": 1}


def test_a_changed_prompt_is_asked_and_its_old_answer_is_not_taken(study, simulator):
    prompts = json.loads((study.folder / "prompts.json").read_text())
    prompts[0]["prompt"] = "Is it otherwise?"
    study.write_prompts(prompts)
    study.cli("run", "--plain")
    assert (len(reused(study)), simulator.counts()["requests"]) == (11, 9)


def test_answers_without_the_logprobs_that_are_wanted_are_asked_again_and_that_is_said(study, simulator):
    study.write_config({**study.config["models"][0], "logprobs": {"top": 3}}, reuse=["first"])
    checked, dry = study.cli("check"), study.cli("run", "--dry-run", "--json")
    done = study.cli("run", "--plain")
    assert done.code == 0
    assert simulator.counts()["requests"] == 20
    assert reused(study) == []
    assert "0 answers taken from first; 12 left out and asked again: 12 without logprobs" in done.output
    assert "note    reuse: answers to 0 of 20 items will be taken from first" in checked.output
    assert told(dry.output)["total"]["requests"] == 20
    [event] = [event for event in study.events() if event["event"] == "reused"]
    assert event["left_out"] == {"without logprobs": 12}


def test_logprobs_that_are_all_there_are_taken_along(study, simulator):
    model = {**study.config["models"][0], "logprobs": {"top": 5, "positions": "all"}}
    study.write_config(model)
    study.cli("run", "--plain", "--output", "second", "--num-prompts", "5")
    simulator.reset()
    study.write_config({**model, "logprobs": {"top": 3, "positions": 4}}, reuse=["first", "second"])
    study.cli("run", "--plain")
    taken = reused(study)
    assert len(taken) == 5
    assert {record["reused_from"]["folder"] for record in taken} == {"second"}
    there = answers(study, "second")
    assert all(record["token_logprobs"] == there[record["item_id"]]["token_logprobs"] for record in taken)
    assert simulator.counts()["requests"] == 15


def test_a_chain_keeps_the_run_that_made_the_answer(study, simulator):
    study.cli("run", "--plain", "--num-prompts", "15")
    study.write_config(*study.config["models"], output_dir="third", reuse="out")
    simulator.reset()
    study.cli("run", "--plain")
    assert simulator.counts()["requests"] == 5
    first, second, third = (answers(study, folder) for folder in ("first", "out", "third"))
    assert len(third) == 20
    for item, record in third.items():
        maker = first.get(item) or second.get(item)
        origin = record["reused_from"]
        assert (origin is None) == (maker is None)
        if origin:
            assert origin == {"run_id": maker["run_id"], "folder": "out", "cost_usd": maker["cost_usd"]}


def test_check_and_the_dry_run_count_what_would_be_taken_and_write_nothing(study, simulator):
    checked, dry, table = study.cli("check"), study.cli("run", "--dry-run", "--json"), study.cli("run", "--dry-run")
    assert (checked.code, dry.code) == (0, 0)
    assert "ok      reuse: answers to 12 of 20 items will be taken from first." in checked.output
    estimate = told(dry.output)
    assert estimate["total"]["requests"] == 8
    assert estimate["reused"] == [{"folder": "first", "taken": 12, "left_out": {}}]
    assert "12 of the 12 answers in first will be taken, and no figure counts them." in table.output
    assert simulator.counts()["requests"] == 0
    assert not (study.folder / "out").exists()


def test_a_shard_takes_its_own(study, simulator):
    for shard in ("1/2", "2/2"):
        assert study.cli("run", "--plain", "--shard", shard).code == 0
    ours = [answers(study, f"out-shard-{number}-of-2") for number in (1, 2)]
    assert len(ours[0].keys() | ours[1].keys()) == len(ours[0]) + len(ours[1]) == 20
    assert sum(len(reused(study, f"out-shard-{number}-of-2")) for number in (1, 2)) == 12
    assert simulator.counts()["requests"] == 8


def test_a_run_that_is_being_written_may_be_taken_from(study, slow_simulator):
    study.write_config({**study.config["models"][0], "simulator": slow_simulator.url}, concurrency=1)
    with study.start("run", "--plain", "--output", "going") as process:
        study.wait_for_records(4, process, "going")
        study.write_config(*study.config["models"], reuse=["going"])
        with (study.folder / "going" / "results.jsonl").open("ab") as torn:
            os.kill(process.pid, signal.SIGSTOP)
            torn.write(b'{"item_id":"half')
        done = study.cli("run", "--plain", "--num-prompts", "4")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert done.code == 0
    assert len(reused(study)) == 4


def _corrupt(folder: Path) -> None:
    folder.mkdir()
    lines = Path("first/results.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "results.jsonl").write_bytes(b"".join([*lines[:2], b"half\n", *lines[2:]]))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: None, "there is no folder other."),
        (lambda folder: folder.write_text(""), "other is a file."),
        (lambda folder: folder.mkdir(), "there is no results.jsonl in other."),
        (lambda folder: folder.symlink_to("out"), "other is the folder that this run writes to"),
        (_corrupt, "line 3: the line is not JSON"),
    ],
    ids=["missing", "a file", "no results", "its own", "corrupt"],
)
def test_a_folder_that_cannot_be_taken_from_is_a_sentence_and_nothing_is_sent_or_written(
    study, simulator, make, sentence
):
    (study.folder / "out").mkdir()
    make(study.folder / "other")
    study.write_config(*study.config["models"], reuse=["first", "other"])
    for command in (["check"], ["run", "--plain"], ["run", "--dry-run"]):
        done = study.cli(*command)
        assert done.code == 2
        assert re.search(rf"problem reuse: .*{re.escape(sentence)}.*`reuse`", done.output)
    assert simulator.counts()["requests"] == 0
    assert list((study.folder / "out").iterdir()) == []


def test_a_run_that_has_nothing_of_the_plan_is_told_of(study, simulator):
    study.write_config({**study.config["models"][0], "temperature": 0.3}, reuse=["first"])
    done = study.cli("run", "--plain")
    assert "reuse: no answer taken from first; none of the 12 there is to an item that is left to do" in done.output
    assert simulator.counts()["requests"] == 20


@pytest.fixture
def large(project, simulator):
    """A project, and another run that has answered nearly all of its 6000 prompts, in a folder `first`."""
    prompts = [{"id": f"p{number}", "prompt": f"Is claim {number} true?"} for number in range(6000)]
    project.write_prompts(prompts)
    model = {"name": "gpt-4.1-mini", "type": "openai", "simulator": simulator.url, "price": PRICE}
    project.write_config(model, reuse=["first"])
    [lane] = expand(load_config(project.folder / "config.json"))
    done = Completion("It is. " * 40, FinishReason.STOP, Usage(3, 9, 12), "m-1", {})
    asked = (Prompt(prompt["id"], prompt["prompt"]) for prompt in prompts[:-3])
    (project.folder / "first").mkdir()
    with (project.folder / "first" / "results.jsonl").open("wb") as file:
        for request in requests_for(lane.variant, lane.seed, asked):
            file.write(Record("first", request, done, None, AT, 1.0, 0.0, 0, 0.25).to_line())
    return project


def test_killed_while_it_takes_answers_the_same_command_has_every_item_once(large, simulator):
    for wanted in (1, 1500, 3500):
        with large.start("run", "--plain") as process:
            large.wait_for_records(wanted, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
    killed_at = large.results.read_bytes().count(b"\n")
    done = large.process("run", "--plain")
    assert done.code == 0, done.output
    records = large.records()
    assert 3500 <= killed_at < 6000
    assert len(records) == 6000 == len({record["item_id"] for record in records})
    assert len(reused(large)) == 5997
    assert {record["run_id"] for record in records} == {large.manifest()["run_id"]}
    assert simulator.counts()["requests"] == 3


def test_interrupted_while_it_takes_answers_it_goes_on(large):
    with large.start("run", "--plain") as process:
        large.wait_for_records(500, process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    taken = large.results.read_bytes().count(b"\n")
    assert f"{taken} answers were taken from other runs." in output
    assert "0 new records" in output
    assert "-m harness run --plain --config config.json" in output.splitlines()[-1]
    assert large.manifest()["invocations"][-1]["exit_code"] == 130
    assert large.cli("run", "--plain").code == 0
    assert len(answers(large)) == 6000


def _sent_while_another_model_is_done(study, simulator) -> int:
    """How many requests a cap of 4 a minute let through by the time that a model without one has all its answers."""
    [model] = study.config["models"]
    capped = {**model, "requests_per_minute": 4, "burst": 4}
    study.write_config(capped, {**model, "name": "other"}, reuse=["first"])
    simulator.reset()
    with study.start("run", "--plain") as process:
        study.wait_for(lambda: simulator.counts()["by_model"].get("other") == 20, process)
        sent = simulator.counts()["by_model"].get(model["name"], 0)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert len(reused(study)) > 0
    return sent


def test_what_was_taken_leaves_what_was_sent_within_the_last_minute_in_sight(study, simulator):
    study.write_config(*study.config["models"])
    study.cli("run", "--plain", "--num-prompts", "4")
    # Four left within this minute, and the answers of long ago that come after them hide none.
    _backdate(study.folder / "first" / "results.jsonl")
    assert _sent_while_another_model_is_done(study, simulator) == 0


def test_what_the_other_run_has_just_sent_counts_against_the_caps(study, simulator):
    assert _sent_while_another_model_is_done(study, simulator) == 0


def _backdate(path: Path) -> None:
    path.write_text(re.sub(r'"timestamp":"2\d{3}', '"timestamp":"2001', path.read_text()))


def test_a_server_that_refuses_all_from_the_start_burns_nothing_whatever_another_run_was_answered(
    study, start_simulator
):
    refusing = start_simulator(fault_script=[{"match": "claim", "sequence": [], "then": "400"}])
    study.write_config({**study.config["models"][0], "simulator": refusing.url}, concurrency=1, reuse=["first"])
    done = study.cli("run", "--plain")
    assert done.code == 3
    assert refusing.counts()["requests"] == 3
    assert len(reused(study)) == len(study.records()) == 12


def test_another_served_version_than_that_of_the_answers_that_were_taken_is_drift(study):
    path = study.folder / "first" / "results.jsonl"
    path.write_text(path.read_text().replace('"model_version":"', '"model_version":"older-'))
    study.cli("run", "--plain")
    [drift] = [event for event in study.events() if event["event"] == "drift"]
    assert (drift["fact"], drift["before"]) == ("model_version", "older-" + drift["now"])
    assert study.manifest()["resolved"]["gpt-4.1-mini@default"]["model_version"] == [drift["before"], drift["now"]]


def test_watching_counts_what_was_taken_as_there_before(study):
    study.cli("run", "--plain")
    done = study.process("watch", "out", "--json", config=False)
    told = [json.loads(line) for line in done.output.splitlines()]
    assert (told[-1]["event"], told[-1]["done"], told[-1]["resumed"]) == ("done", 20, 12)
    assert {"event": "note", "message": "reuse: 12 answers taken from first"} in told


def test_a_local_models_answers_can_be_taken_and_made_again(project):
    project.write_config(DEMO, max_tokens=8)
    assert project.cli("run", "--plain", "--num-prompts", "4", "--output", "first").code == 0
    project.write_config(DEMO, max_tokens=8, reuse=["first"])
    assert project.cli("run", "--plain", "--num-prompts", "4").code == 0
    there, here = answers(project, "first"), answers(project)
    assert len(reused(project)) == 4
    assert all(here[item]["token_logprobs"] == record["token_logprobs"] for item, record in there.items())
    assert {record["cost_usd"] for record in here.values()} == {None}
    assert project.cli("verify", "out", "--sample", "4").code == 0


async def test_a_run_within_a_program_takes_answers_too(study, simulator):
    config = {**study.config, "reuse": [Path("first")]}
    outcome = await harness.run(config)
    assert (outcome.exit_code, outcome.recorded, outcome.reused, outcome.done) == (0, 8, 12, 20)
    assert simulator.counts()["requests"] == 8
    with pytest.raises(UsageError, match="Nothing was sent:\nproblem reuse: there is no folder nowhere"):
        await harness.run({**study.config, "reuse": Path("nowhere"), "output_dir": "other"})


def test_what_came_of_it_can_be_read_after_the_run_it_came_from_is_gone(study):
    study.cli("run", "--plain")
    shutil.rmtree(study.folder / "first")
    summary = told(study.cli("summary", "out", "--json").output)
    assert (summary["total"]["done"], summary["total"]["reused"]) == (20, 12)
    assert study.cli("report", "out").code == 0
    frame = harness.read_results("out").to_pandas()
    assert frame["reused_from.folder"].dropna().tolist() == ["first"] * 12
    done = study.cli("run", "--plain")
    assert done.code == 2
    assert "there is no folder first" in done.output
