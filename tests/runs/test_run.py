"""Whole runs through the command line: the real HTTP client, a real simulator process, real files."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

GPT = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7], "logprobs": {"top": 5}}


@pytest.fixture
def pilot(project, simulator):
    project.write_config(GPT, simulator=simulator.url)
    return project


def test_every_prompt_is_answered_once_by_every_variant(pilot, simulator):
    assert pilot.cli("run", "--plain").code == 0
    records = pilot.records()
    assert len(records) == 40 == len({record["item_id"] for record in records})
    assert {(record["prompt_id"], record["variant"]) for record in records} == {
        (f"p{index}", f"gpt-4.1-mini@{heat}") for index in range(20) for heat in ("0.0", "0.7")
    }
    assert simulator.counts()["requests"] == 40


def test_a_record_holds_its_answer_with_all_its_evidence(pilot):
    pilot.cli("run", "--plain")
    record = pilot.records()[0]
    assert next(iter(record)) == "item_id"
    assert list(record)[-1] == "error"
    assert record["full_response"].startswith("Simulated answer")
    assert record["finish_reason"] in {"stop", "length"}
    tokens = record["tokens_used"]
    assert tokens["total"] == tokens["input"] + tokens["output"]
    assert 0 < tokens["output"] <= 16
    assert len(record["token_logprobs"]) == tokens["output"]
    assert len(record["token_logprobs"][0]["top_logprobs"]) == 5
    assert record["logprobs_of"] == "provider"
    assert record["sampling_params"]["max_tokens"] == 16
    assert record["sampling_params"]["seed"] == record["seed"]
    assert record["simulated"] is True
    assert record["request_id"]
    assert record["retry_count"] == 0
    assert record["error"] is None


def test_the_same_command_again_sends_nothing_and_says_so(pilot, simulator):
    pilot.cli("run", "--plain")
    before = pilot.results.read_bytes()
    simulator.reset()
    again = pilot.cli("run", "--plain")
    assert again.code == 0
    assert "Nothing to do, nothing was sent" in again.output
    assert simulator.counts()["requests"] == 0
    assert pilot.results.read_bytes() == before


def test_more_prompts_and_more_repeats_extend_a_run(pilot, simulator):
    pilot.cli("run", "--plain", "--num-prompts", "5")
    assert len(pilot.records()) == 10
    pilot.cli("run", "--plain")
    assert len(pilot.records()) == 40
    pilot.write_config(GPT, simulator=simulator.url, repeats=2)
    assert pilot.cli("run", "--plain").code == 0
    assert len({record["item_id"] for record in pilot.records()}) == 80 == simulator.counts()["requests"]


def test_a_new_prompt_in_the_file_extends_a_run(pilot):
    pilot.cli("run", "--plain")
    prompts = [{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(20)]
    pilot.write_prompts([{"id": "new", "prompt": "And this one?"}, *prompts])
    assert pilot.cli("run", "--plain").code == 0
    assert len(pilot.records()) == 42


def test_a_changed_prompt_text_is_refused_and_fresh_starts_beside(pilot, simulator):
    pilot.cli("run", "--plain")
    prompts = [{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(20)]
    pilot.write_prompts([*prompts[:7], {"id": "p7", "prompt": "Is claim 7 false?"}, *prompts[8:]])
    simulator.reset()
    refused = pilot.cli("run", "--plain")
    assert refused.code == 2
    assert "p7" in refused.output
    assert "--fresh" in refused.output
    assert simulator.counts()["requests"] == 0
    assert pilot.cli("run", "--plain", "--fresh").code == 0
    assert len(pilot.records("out-2")) == 40 == len(pilot.records())


@pytest.mark.parametrize(
    "change", [{"max_tokens": 17}, {"system": "Be brief."}, {"seed": 43}, {"top_p": 0.5}, {"temperature": [0.0, 0.8]}]
)
def test_a_changed_parameter_is_refused_by_name(pilot, simulator, change):
    pilot.cli("run", "--plain", "--num-prompts", "2")
    pilot.write_config({**GPT, **change}, simulator=simulator.url)
    refused = pilot.cli("run", "--plain")
    assert refused.code == 2
    assert "--fresh" in refused.output
    assert len(pilot.records()) == 4


def test_a_new_temperature_and_a_new_model_extend_a_run(pilot, simulator):
    pilot.cli("run", "--plain", "--num-prompts", "2")
    pilot.write_config(
        {**GPT, "temperature": [0.0, 0.7, 1.0]}, {"name": "other", "type": "openai"}, simulator=simulator.url
    )
    assert pilot.cli("run", "--plain", "--num-prompts", "2").code == 0
    assert len(pilot.records()) == 8


def test_the_model_filter_leaves_the_rest_for_later(project, simulator):
    project.write_config(GPT, {"name": "other", "type": "openai"}, simulator=simulator.url)
    assert project.cli("run", "--plain", "--model", "other").code == 0
    assert {record["model"] for record in project.records()} == {"other"}
    assert project.cli("run", "--plain").code == 0
    assert len(project.records()) == 60


def test_resume_insists_that_there_is_something_to_resume(pilot, simulator):
    refused = pilot.cli("run", "--plain", "--resume")
    assert refused.code == 2
    assert "nothing to resume" in refused.output
    assert simulator.counts()["requests"] == 0
    pilot.cli("run", "--plain")
    assert pilot.cli("run", "--plain", "--resume").code == 0


def test_fresh_counts_up_and_deletes_nothing(pilot):
    for _ in range(3):
        assert pilot.cli("run", "--plain", "--fresh", "--num-prompts", "1").code == 0
    assert [len(pilot.records(name)) for name in ("out", "out-2", "out-3")] == [2, 2, 2]


def test_a_corrupt_line_stops_the_run_and_repair_sets_it_aside(pilot):
    pilot.cli("run", "--plain")
    lines = pilot.results.read_bytes().splitlines(keepends=True)
    pilot.results.write_bytes(b"".join([*lines[:9], b'{"item_id": broken\n', *lines[10:]]))
    refused = pilot.cli("run", "--plain")
    assert refused.code == 2
    assert "line 10" in refused.output
    assert "--repair" in refused.output
    assert pilot.cli("check").code == 2
    assert pilot.cli("run", "--plain", "--repair").code == 0
    assert pilot.cli("check").code == 0
    assert len({record["item_id"] for record in pilot.records()}) == 40
    assert list((pilot.folder / "out").glob("results.jsonl.corrupt-*"))


def test_json_puts_one_event_on_each_line_of_stdout(pilot):
    done = pilot.process("run", "--json", "--num-prompts", "3")
    events = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events].count("result") == 6
    assert events[-1]["event"] == "done"


def test_a_run_whose_manifest_is_gone_keeps_its_id_and_its_kind(pilot, simulator):
    pilot.cli("run", "--plain", "--num-prompts", "2")
    (pilot.folder / "out" / "run.json").unlink()
    pilot.write_config({"name": "real", "type": "openai", "base_url": f"{simulator.url}/v1"})
    refused = pilot.cli("run", "--plain")
    assert refused.code == 2
    assert "simulated" in refused.output
    pilot.write_config(GPT, simulator=simulator.url)
    assert pilot.cli("run", "--plain").code == 0
    assert {record["run_id"] for record in pilot.records()} == {pilot.manifest()["run_id"]}


def test_a_narrower_invocation_does_not_make_the_folder_look_smaller(project, simulator):
    project.write_config(GPT, {"name": "other", "type": "openai"}, simulator=simulator.url)
    project.cli("run", "--plain")
    project.cli("run", "--plain", "--model", "other", "--num-prompts", "2")
    manifest = project.manifest()
    assert manifest["prompts"]["count"] == 20
    assert len(manifest["config"]["models"]) == 2


def test_check_refuses_the_changed_prompt_that_run_would_refuse(pilot):
    pilot.cli("run", "--plain")
    pilot.write_prompts([{"id": "p0", "prompt": "Something else?"}])
    told = pilot.cli("check")
    assert told.code == 2
    assert "p0" in told.output


def test_a_run_with_closed_streams_still_runs(pilot):
    command = f"{sys.executable} -m harness run --plain --config config.json >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=pilot.folder, check=False).returncode == 0
    assert len(pilot.records()) == 40


def test_the_manifest_tells_how_the_run_was_made(pilot):
    pilot.cli("run", "--plain", "--num-prompts", "2")
    pilot.cli("run", "--plain")
    manifest = pilot.manifest()
    assert manifest["simulated"] is True
    assert manifest["prompts"]["count"] == 20
    assert len(manifest["invocations"]) == 2
    assert all(invocation["exit_code"] == 0 for invocation in manifest["invocations"])
    assert {record["run_id"] for record in pilot.records()} == {manifest["run_id"]}
    assert set(manifest["variants"]) == {"gpt-4.1-mini@0.0", "gpt-4.1-mini@0.7"}


def test_summary_counts_what_the_run_recorded(pilot):
    pilot.cli("run", "--plain")
    told = json.loads(pilot.cli("summary", "out", "--json").output)
    assert told["total"]["done"] == 40
    assert pilot.cli("summary", "nowhere").code == 2


def test_two_providers_advance_at_the_same_time(project, slow_simulator):
    models = [{"name": "gpt-4.1-mini", "type": "openai"}, {"name": "claude-sonnet-4-6", "type": "claude"}]
    project.write_config(*models, simulator=slow_simulator.url, concurrency=2)
    assert project.cli("run", "--plain").code == 0
    order = [record["provider"] for record in sorted(project.records(), key=lambda record: record["timestamp"])]
    assert sum(one != other for one, other in itertools.pairwise(order)) >= 6


@pytest.mark.parametrize("mode", ["--json", "--plain"])
def test_a_run_ends_although_nobody_reads_what_it_shows(project, simulator, mode):
    # Far more than a pipe holds, so that somebody who stopped reading would hold up the end for ever.
    project.write_config(GPT, simulator=simulator.url, repeats=30)
    with project.start("run", mode) as process:
        assert process.wait(timeout=60) == 0
    assert len(project.records()) == 1200


def test_a_run_ends_with_a_report_and_says_where_it_is(pilot):
    done = pilot.cli("run", "--plain", "--num-prompts", "2", "--report")
    assert done.code == 0
    assert "The report is out/report.html" in done.output
    assert "SIMULATED" in (pilot.folder / "out" / "report.html").read_text().upper()
    (pilot.folder / "out" / "report.html").unlink()
    assert pilot.cli("run", "--plain", "--num-prompts", "2").code == 0
    assert not (pilot.folder / "out" / "report.html").exists()


def test_a_report_that_cannot_be_written_does_not_change_how_the_run_ended(pilot):
    pilot.cli("run", "--plain", "--num-prompts", "2")
    (pilot.folder / "out" / "report.html").mkdir()
    done = pilot.cli("run", "--plain", "--report")
    assert done.code == 0
    assert "warning the report was not written" in done.output
    assert len(pilot.records()) == 40
