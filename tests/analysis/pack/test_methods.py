from __future__ import annotations

import pytest

from harness.analysis.labels import Annotation, Annotations
from harness.analysis.pack.facts import run_facts
from harness.analysis.pack.methods import Labelled, methods
from harness.analysis.rubric import read_rubric
from harness.errors import UsageError


@pytest.fixture
def text(folder):
    """The section about the folder's records, as they and its run.json are then."""

    def make(labelled=None, *, duplicates=0, scored=0, **manifest) -> str:
        told = folder.manifest() | manifest
        facts = run_facts(folder.records, told, folder.path / "results.jsonl", duplicates)
        return methods(facts, told, labelled, scored)

    return make


def test_prompts_models_and_days_are_counted(text):
    made = text()
    assert "6 prompts were put to 2 models in 2 variants (a model with its sampling parameters) once each." in made
    assert "Of the prompts, 4 are real and 2 are synthetic. By category: a (3), b (3)." in made
    assert "Answers were collected from 2026-01-01 to 2026-01-03 (UTC)." in made


def test_days_are_utc(text, folder):
    for record in folder.records:
        record["timestamp"] = "2026-01-01T23:30:00-05:00"
    assert "collected on 2026-01-02 (UTC)" in text()


def test_every_variant_has_a_row_of_what_was_served_and_how_it_came_out(text, folder):
    folder.records[0]["finish_reason"] = "length"
    folder.records[1]["finish_reason"] = "content_filter"
    folder.records[2]["model_version"] = "newer"
    folder.records[3] |= {"error": "no", "finish_reason": None}
    row = next(line for line in text().splitlines() if line.startswith("| gpt-4.1-mini@0.7"))
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "gpt-4.1-mini@0.7",
        "openai",
        "gpt-4.1-mini-2025-04-14, newer",
        "2026-01-01 to 2026-01-03",
        "temperature 0.7, max_tokens 64",
        "5",
        "1",
        "1",
        "1",
    ]


def test_outcomes_exclusions_and_retries_are_told(text, folder):
    folder.records[0]["finish_reason"] = "length"
    folder.records[1] |= {"error": "no", "finish_reason": None, "retry_count": 2}
    made = text(duplicates=2)
    assert (
        "Of 11 items (a prompt for a variant), 10 have an answer, of which 0 were refused or blocked and 1 was" in made
    )
    assert "1 of 12 planned items have not been asked." in made
    assert "Excluded: 1 item without an answer after all attempts and 2 second answers to an item" in made
    assert "1 item took more than one attempt (13 in all)." in made


def test_what_there_is_nothing_to_say_of_is_left_out(text, folder):
    folder.records = folder.records[:6]
    for record in folder.records:
        record |= {"prompt_category": None, "is_synthetic_probe": None, "timestamp": None}
        record["sampling_params"] = {"temperature": None, "seed": None}
    made = text(prompts={"file": None})
    absent = (
        "By category",
        "Of the prompts",
        "SHA-256",
        "collected",
        "The run's seed",
        "system prompt",
        "logprobs",
        "coder",
    )
    assert [
        word for word in (*absent, "Local models", "Excluded:", "planned", "attempt", "simulated") if word in made
    ] == []
    assert "Nothing was excluded." in made
    assert "No seed was sent to gpt-4.1-mini." in made
    assert text(invocations=[{"command": []}]).rstrip().endswith("Nothing was excluded.")


def test_simulated_answers_are_said_to_be_no_data(text, folder):
    assert "simulated" not in text()
    folder.records[0]["simulated"] = True
    assert "**1 of 11 answers is simulated: made by a stand-in" in text()
    assert "They are no data; no rate may count them.**" in text()


def test_seeds_system_texts_logprobs_and_runtimes_are_told(text, folder):
    folder.records[0]["system"] = "Be brief."
    made = text()
    assert "The run's seed was 42; each item's own seed is a hash of it" in made
    assert "was sent to gpt-4.1-mini. No seed was sent to /home/alice/weights/tiny." in made
    assert "A system prompt (1 text in all) was in force for gpt-4.1-mini@0.7." in made
    assert "tiny@0.0 (5 answers): the first 50 positions at most with the top 5, of scores." in made
    assert "tiny@0.0: dtype float32, device cpu." in made


def test_versions_that_changed_between_invocations_are_all_told(text, folder):
    one = folder.manifest()["invocations"][0]
    made = text(invocations=[one, one | {"python": "3.12.1", "packages": {"httpx": "0.29"}}])
    assert (
        "2 invocations of llm-pilot-harness 0.1.0, Python 3.11.7 or 3.12.1 and the platform Linux-6.1-x86_64." in made
    )
    assert "httpx 0.28.1 or 0.29, torch 2.13.0+cpu" in made


def act(item, coder, said, role="coder"):
    labels = {"hallucination": said, "abstained": "no"}
    return Annotation(item, coder, role, "labelled", labels, read_rubric().digest, "2026-01-04T00:00:00+00:00")


def test_labels_are_counted_without_those_for_training(text):
    acts = (
        act("t", "A", "yes"),
        act("t", "B", "no"),
        act("x", "A", "yes"),
        act("x", "B", "no"),
        act("y", "A", "yes"),
        act("y", "B", "no"),
        act("z", "C", "no"),
        act("x", "J", "no", "adjudicator"),
    )
    made = text(Labelled(Annotations(acts), read_rubric(), frozenset({"t"})), scored=3)
    assert "3 coders labelled 3 answers with the rubric hallucination" in made
    assert "2 were labelled by at least two. 1 more answer was labelled for training and left out." in made
    assert "Coders differ on 2 answers. 1 answer was adjudicated by 1 person. 1 of those on which" in made
    assert "Heuristic marks of 3 answers are in scores.jsonl. They are no labels." in made


def test_answers_that_were_taken_from_other_runs_are_counted_by_the_run_that_made_them(text, folder):
    assert "taken from an earlier run" not in text()
    for record in folder.records[:3]:
        record["reused_from"] = {"run_id": "first", "folder": "out/a", "cost_usd": 0.5}
    folder.records[3]["reused_from"] = {"run_id": "second", "folder": "out/a", "cost_usd": 0.5}
    assert (
        "4 answers were not asked for again but taken from an earlier run that had put the same prompt to the same "
        "model with the same parameters: by its id, first (3) and second (1)." in text()
    )


def test_a_shard_is_called_one(text):
    assert "These are the items of shard 2/3 of a plan; which items are in it, their ids say." in text(shard="2/3")
    assert "shard" not in text(shard=None)


def test_runs_that_were_joined_are_counted_and_so_is_what_was_left_out_of_them(text):
    inner = [{"run_id": "b", "conflicts": 1}, {"run_id": "c", "conflicts": 0}]
    joined = [{"run_id": "a", "conflicts": 0}, {"run_id": "bc", "conflicts": 2, "merged_from": inner}]

    made = text(merged_from=joined, duplicates=1)

    assert "3 runs of one config were joined, one answer to an item." in made
    assert "4 second answers to an item (the first counts)" in made
    assert "joined" not in text(merged_from=[])


def test_no_cell_breaks_the_table(text, folder):
    folder.records[0]["model_version"] = "a|b\nc"
    assert r"| gpt-4.1-mini-2025-04-14, a\|b c |" in text() or r"| a\|b c, gpt-4.1-mini-2025-04-14 |" in text()


@pytest.mark.parametrize(("field", "value"), [("run_id", "another"), ("variant", "unknown@0.0")])
def test_a_record_of_another_run_is_refused(text, folder, field, value):
    folder.records[3][field] = value
    with pytest.raises(UsageError, match=f"{value}.*run.json"):
        text()
