"""Runs with local models: the real thread, the real weights of the demo model, beside API lanes and in rehearsals."""

from __future__ import annotations

import json
import signal
import time

import pytest

DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu", "slots": 4}

# As the original pilot script has it: a model entry for every temperature, relative paths, keys by reference.
ORIGINAL = {
    "description": "Full pilot run with all 5 models",
    "prompts_file": "data/prompts/hallu-sec-benchmark.json",
    "output_dir": "results/pilot",
    "num_prompts": None,
    "seed": 42,
    "max_retries": 3,
    "requests_per_minute": 50,
    "async_settings": {"max_concurrency": 5, "api_delay": 0.5, "batch_size": 4},
    "models": [
        {"name": name, "type": kind, "temperature": temperature, "notes": "as before", **more}
        for name, kind, more in (
            ("claude-3-5-sonnet-20241022", "claude", {"api_key": "${ANTHROPIC_API_KEY}"}),
            ("gemini-1.5-pro", "gemini", {"api_key": "${GOOGLE_API_KEY}"}),
            ("Qwen/Qwen2.5-14B-Instruct", "local", {"device": "cuda", "model_path": "Qwen/Qwen2.5-14B-Instruct"}),
            ("mistralai/Mistral-7B-Instruct-v0.3", "local", {"device": "cuda"}),
            ("microsoft/Phi-3-mini-128k-instruct", "local", {"device": "cuda"}),
        )
        for temperature in (0.0, 0.7)
    ],
}


@pytest.fixture
def local(project):
    project.write_config({**DEMO, "temperature": [0.0, 0.7]})
    return project


def test_every_local_record_holds_its_logprobs_and_token_ids(local):
    assert local.cli("run", "--plain").code == 0
    records = local.records()
    assert len(records) == 40
    for record in records:
        tokens = record["tokens_used"]["output"]
        assert len(record["token_logprobs"]) == min(50, tokens) == tokens == len(record["output_token_ids"])
        for position in record["token_logprobs"]:
            assert len(position["top_logprobs"]) == 5
            assert position["top_logprobs"] == sorted(position["top_logprobs"], reverse=True)
            assert position["logprob"] <= 0
        assert record["simulated"] is True
        assert record["logprobs_of"] == "scores"
        assert record["template"]["hash"]
        assert record["runtime"]["dtype"] == "float32"


def test_both_temperatures_load_the_weights_once(local):
    local.cli("run", "--plain")
    [loaded] = [event for event in local.events() if event["event"] == "loaded"]
    assert (loaded["model"], loaded["device"], loaded["engine"], loaded["slots"]) == ("demo", "cpu", "continuous", 4)
    assert loaded["weights_hash"].startswith("sha256:")


def test_the_manifest_tells_what_the_local_model_did(local):
    local.cli("run", "--plain")
    records = local.records()
    totals = local.manifest()["invocations"][-1]["totals"]["local"]["demo"]
    assert totals["loads"] == 1
    assert totals["prompt_tokens"] == sum(record["tokens_used"]["input"] for record in records)
    assert 0 < totals["generated_tokens"] <= sum(record["tokens_used"]["output"] for record in records)
    assert 1 <= totals["mean_rows"] <= 4
    assert min(totals["load_seconds"], totals["prefill_seconds"], totals["decode_seconds"]) > 0
    assert totals["most_kv_bytes"] > 0
    local.cli("run", "--plain")
    assert "local" not in local.manifest()["invocations"][-1]["totals"]


def test_an_answer_does_not_depend_on_what_else_was_in_the_batch(local):
    local.cli("run", "--plain")
    local.cli("run", "--plain", "--output", "alone", "--num-prompts", "1")
    together = {record["item_id"]: record["output_token_ids"] for record in local.records()}
    for record in local.records("alone"):
        assert together[record["item_id"]] == record["output_token_ids"]


def test_apis_and_the_local_model_advance_at_the_same_time(project, slow_simulator):
    api = {"name": "gpt-4.1-mini", "type": "openai", "temperature": 0, "concurrency": 1, "repeats": 8}
    project.write_config(api, {**DEMO, "repeats": 2}, simulator=slow_simulator.url)
    assert project.cli("run", "--plain").code == 0
    order = [record["provider"] for record in project.records()]
    first, last = order.index("local"), len(order) - 1 - order[::-1].index("local")
    assert "openai" in order[first:last]


def test_a_local_run_that_is_interrupted_stops_soon_and_goes_on_with_the_same_answers(local):
    # Long enough that there is something to interrupt.
    local.write_config({**DEMO, "temperature": [0.0, 0.7], "repeats": 6}, max_tokens=400)
    with local.start("run", "--plain") as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (local.results.exists() and local.results.stat().st_size):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        output, _ = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == 130, output
    assert took < 20
    before = {record["item_id"]: record["output_token_ids"] for record in local.records()}
    assert 0 < len(before) < 240
    assert local.manifest()["invocations"][0]["totals"]["local"]["demo"]["steps"] > 0
    assert local.cli("run", "--plain").code == 0
    after = {record["item_id"]: record["output_token_ids"] for record in local.records()}
    assert len(local.records()) == 240 == len(after)
    assert before.items() <= after.items()


def test_the_original_scripts_config_is_rehearsed_without_a_key_a_gpu_or_a_hub(project):
    (project.folder / "config_full_pilot.json").write_text(json.dumps(ORIGINAL))
    prompts = {
        "metadata": {},
        "prompts": [
            {
                "id": f"prompt_{n:04}",
                "category": "cve_existence",
                "prompt": f"Is {n} so?",
                "is_synthetic_probe": n % 2 == 0,
            }
            for n in range(4)
        ],
    }
    (project.folder / "bench.json").write_text(json.dumps(prompts))
    rehearsed = project.process(
        "run", "--config", "config_full_pilot.json", "--prompts", "bench.json", "--rehearse", "--plain"
    )
    assert rehearsed.code == 0, rehearsed.output
    records = project.records("results/pilot-rehearsal")
    assert len(records) == 40
    assert {record["variant"] for record in records} == {
        f"{entry['name']}@{entry['temperature']}" for entry in ORIGINAL["models"]
    }
    assert all(record["simulated"] for record in records)
    assert "async_settings.api_delay" in rehearsed.output
    assert "float16" in rehearsed.output
    assert "trust_remote_code" in rehearsed.output
    assert not (project.folder / "results" / "pilot").exists()
