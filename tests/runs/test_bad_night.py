"""A night on which much goes wrong, through the real SDKs: every answer arrives once, and every attempt is counted."""

from __future__ import annotations

import time
from collections import Counter

import pytest

API_MODELS = [("claude-sonnet-4-6", "claude"), ("gemini-3.5-flash", "gemini"), ("gpt-4.1-mini", "openai")]


def _attempts(records: list[dict]) -> int:
    return sum(record["retry_count"] + 1 for record in records)


@pytest.mark.slow
def test_two_thousand_items_with_faults_on_a_fifth_of_the_requests_end_complete(project, start_simulator):
    simulator = start_simulator(faults=0.2, refusal_share=0.0)
    project.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(250)])
    # Eight pools rather than three, so that the pauses that the faults ask for pass side by side.
    models = [
        {"name": name, "type": kind, "label": f"{name}-{number}", "api_key": f"key-{number}"}
        for number, (name, kind) in enumerate((*API_MODELS, *API_MODELS, *API_MODELS[1:]))
    ]
    project.write_config(*models, simulator=simulator.url, concurrency=16, max_retries=12, temperature=0.0)

    done = project.process("run", "--plain")

    records = project.records()
    assert done.code == 0, done.output
    assert len(records) == len({record["item_id"] for record in records}) == 2000
    assert [record["error"] for record in records] == [None] * 2000
    assert all(record["full_response"] for record in records)
    counts = simulator.counts()
    assert counts["requests"] == _attempts(records)
    assert counts["answered"] >= 2000
    assert sum(counts["by_fault"].values()) > 300


def test_the_answers_of_a_bad_night_are_those_of_a_good_one(project, start_simulator):
    models = [{"name": name, "type": kind, "temperature": 0.0} for name, kind in API_MODELS]
    answers = {}
    for share in (0.0, 0.3):
        simulator = start_simulator(faults=share, refusal_share=0.1)
        project.write_config(*models, simulator=simulator.url, output_dir=f"out-{share}", max_retries=12)
        assert project.cli("run", "--plain").code == 0
        records = project.records(f"out-{share}")
        answers[share] = {record["item_id"]: (record["full_response"], record["finish_reason"]) for record in records}

    assert len(answers[0.0]) == 60
    assert answers[0.3] == answers[0.0]


@pytest.mark.parametrize(("name", "kind"), API_MODELS)
def test_an_item_that_never_succeeds_fails_alone_and_is_tried_again_by_the_next_run(
    project, start_simulator, name, kind
):
    script = [{"match": "claim 3 ", "sequence": ["500", "truncated", "reset-body"]}]
    simulator = start_simulator(fault_script=script, refusal_share=0.0)
    project.write_config({"name": name, "type": kind}, simulator=simulator.url)

    first = project.cli("run", "--plain")

    (failed,) = [record for record in project.records() if record["error"]]
    assert first.code == 1
    assert (failed["prompt_id"], failed["retry_count"], failed["error_detail"]["attempts"]) == ("p3", 2, 3)
    left = project.cli("run", "--plain", "--no-retry-failed")
    assert left.code == 1
    assert "left alone" in left.output
    assert len(project.records()) == 20
    assert project.cli("run", "--plain").code == 0
    assert len(project.records()) == 21


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("claude", "402"),
        ("claude", "quota"),
        ("openai", "quota"),
        ("gemini", "quota"),
        ("openai", "404"),
        ("gemini", "bad-key"),
    ],
)
def test_what_somebody_has_to_mend_parks_the_lane_and_burns_nothing(project, start_simulator, kind, word):
    simulator = start_simulator(fault_script=[{"sequence": [], "then": word}])
    project.write_config({"name": f"{kind}-model", "type": kind}, simulator=simulator.url)

    done = project.cli("run", "--plain")

    assert done.code == 3
    assert project.records() == []
    assert simulator.counts()["requests"] <= 8
    assert "To go on, run again" in done.output
    (parked,) = [event for event in project.events() if event["event"] == "parked" and event["until"] is None]
    assert parked["variant"] == f"{kind}-model@default"


def test_a_quota_that_is_soon_back_is_waited_for(project, start_simulator):
    script = [{"match": "claim 5 ", "sequence": ["quota:seconds=1"]}]
    simulator = start_simulator(fault_script=script, refusal_share=0.0)
    project.write_config({"name": "gemini-3.5-flash", "type": "gemini"}, simulator=simulator.url)

    assert project.cli("run", "--plain").code == 0

    kinds = Counter(event["event"] for event in project.events())
    assert kinds["parked"] == kinds["unparked"] == 1
    assert len(project.records()) == 20


def test_the_diary_holds_every_retry_with_the_providers_words_and_every_pause(project, start_simulator):
    script = [
        {"match": "claim 1 ", "sequence": ["429:seconds=1"]},
        {"match": "claim 2 ", "sequence": ["500", "html"]},
    ]
    simulator = start_simulator(fault_script=script, refusal_share=0.0)
    project.write_config({"name": "gpt-4.1-mini", "type": "openai"}, simulator=simulator.url)

    assert project.cli("run", "--plain").code == 0

    events = project.events()
    retries = [event for event in events if event["event"] == "retry"]
    assert [(event["prompt_id"], event["attempts"]) for event in retries] == [("p2", 1), ("p2", 2)]
    assert retries[0]["status"] == 500
    assert retries[0]["message"].startswith("The server answered 500 for gpt-4.1-mini: ")
    (limited,) = [event for event in events if event["event"] == "rate_limited"]
    assert limited["wait_s"] == pytest.approx(1.0, abs=0.2)
    kinds = [event["event"] for event in events]
    assert kinds.count("paused") == kinds.count("resumed") == 1
    assert (kinds[0], kinds[-1]) == ("begin", "end")


def test_resuming_at_once_stays_within_the_cap_of_the_minute_at_the_server(project, start_simulator):
    simulator = start_simulator(refusal_share=0.0)
    project.write_config({"name": "m", "type": "openai"}, simulator=simulator.url, requests_per_minute=12, burst=12)
    project.cli("run", "--plain", "--num-prompts", "9")
    left_at = simulator.log()[-1]["t"]

    with project.start("run", "--plain") as second:
        # Three more fit into the minute; a fresh burst would bring eleven at once.
        for _ in range(80):
            if simulator.counts()["requests"] >= 12:
                break
            time.sleep(0.1)
        time.sleep(2.0)
        second.terminate()

    times = [visit["t"] for visit in simulator.log()]
    assert len(times) == 12
    assert times[-1] - left_at < 60


def test_a_rehearsal_can_be_a_bad_night(project):
    project.write_config({"name": "gpt-4.1-mini", "type": "openai"}, max_retries=8, num_prompts=10)

    done = project.cli("run", "--plain", "--rehearse", "--faults", "0.3")

    assert done.code == 0
    assert len(project.records("out-rehearsal")) == 10


def test_faults_without_a_simulator_are_a_mistake(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    project.write_config({"name": "gpt-4.1-mini", "type": "openai"})

    done = project.cli("run", "--plain", "--faults", "0.3")

    assert done.code == 2
    assert "--rehearse" in done.output
