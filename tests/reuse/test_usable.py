"""The answers that other runs have to what is left of a plan."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.plan import requests_for
from harness.reuse import UsableAnswers
from harness.schema import Prompt


def found(folders, lanes, prompts, leave_out=frozenset()):
    """Prompt, variant and folder of every answer, and the counts of each folder."""
    with UsableAnswers(folders) as others:
        usable = list(others.of(lanes, prompts, leave_out))
        told = [(one.request.prompt.id, one.request.variant.name, one.folder) for one in usable]
        return told, others.counts


def test_of_a_plan_what_another_run_has_answered_is_found_and_nothing_else(other_run, lanes, prompts):
    folder = other_run("a", lanes[:1], answered={0, 2, 5}, failed={3, 5})
    told, counts = found({"a": folder}, lanes, prompts[:5])
    assert told == [("p0", "m@0.0", "a"), ("p2", "m@0.0", "a")]
    assert (counts["a"].held, counts["a"].taken, counts["a"].left_out) == (3, 2, {})


def test_items_that_need_none_are_left_out(other_run, lanes, prompts):
    folder = other_run("a", lanes, answered={0, 1})
    done = {bytes.fromhex(one.item_id) for one in requests_for(lanes[0].variant, 42, prompts)}
    told, counts = found({"a": folder}, lanes, prompts, done)
    assert [name for _, name, _ in told] == ["m@0.7", "m@0.7"]
    assert counts["a"].taken == 2


def test_another_text_parameter_or_seed_is_another_item(other_run, lanes, lanes_of, prompts):
    folder = other_run("a", lanes, answered=set(range(8)))
    assert found({"a": folder}, lanes, [replace(one, text="other") for one in prompts])[0] == []
    assert found({"a": folder}, lanes_of(max_tokens=7), prompts)[0] == []
    assert found({"a": folder}, lanes_of(seed=7), prompts)[0] == []
    assert len(found({"a": folder}, lanes, prompts)[0]) == 16


def test_what_the_file_says_of_a_prompt_makes_no_other_item(other_run, lanes, prompts):
    folder = other_run("a", lanes[:1], answered={0})
    told = [Prompt("p0", "question 0", "another category", True, metadata={"gold": 1})]
    with UsableAnswers({"a": folder}) as others:
        [usable] = others.of(lanes[:1], told, frozenset())
    assert (usable.record["prompt_category"], usable.request.prompt.category) == ("asked", "another category")


def test_the_first_folder_that_has_a_usable_answer_gives_it(other_run, lanes_of, prompts, positions):
    lanes = lanes_of(logprobs={"top": 2})[:1]
    bare = other_run("bare", lanes, answered={0, 1})
    small = other_run("small", lanes, answered={1, 2}, token_logprobs=positions(4, 2), logprobs_of="provider")
    large = other_run("large", lanes, answered={1, 2, 3}, token_logprobs=positions(4, 5), logprobs_of="provider")
    told, counts = found({"bare": bare, "small": small, "large": large}, lanes, prompts)
    assert [(prompt, folder) for prompt, _, folder in told] == [("p1", "small"), ("p2", "small"), ("p3", "large")]
    assert dict(counts["bare"].left_out) == {"without logprobs": 2}
    assert [counts[name].taken for name in ("bare", "small", "large")] == [0, 2, 1]


def test_a_record_of_another_version_or_form_is_left_out(other_run, lanes, lanes_of, prompts):
    folder = other_run("a", lanes[:1], answered={0, 1, 2})
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    records[0]["schema_version"] = 7
    records[1]["token_logprobs"] = [None]
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    told, counts = found({"a": folder}, lanes_of(logprobs={"top": 1})[:1], prompts)
    assert told == []
    assert dict(counts["a"].left_out) == {
        "of schema version 7": 1,
        "in a form that no run writes": 1,
        "without logprobs": 1,
    }


def test_what_a_run_says_it_asked_for_is_read_from_its_manifest(other_run, lanes_of, prompts, positions):
    model = {"name": "m", "type": "local", "temperature": 1.0, "top_p": 0.5, "logprobs": {"top": 5}}
    lanes = lanes_of(models=[model])
    sent = {"temperature": 1.0, "top_p": 0.5}
    facts = {"token_logprobs": positions(4, 2), "logprobs_of": "scores", "output_token_ids": (1, 2, 3, 4)}
    folder = other_run("a", lanes, answered={0}, sent=sent, **facts)
    assert found({"a": folder}, lanes, prompts)[0] == []
    variants = {"m@1.0": {"logprobs": {"top": 5, "positions": 50, "of": "scores"}}}
    told = {"run_id": "a", "created_at": "", "simulated": False, "prompts": {}, "variants": variants, "config": {}}
    (folder / "run.json").write_text(json.dumps(told | {"resolved": {}, "invocations": []}))
    assert len(found({"a": folder}, lanes, prompts)[0]) == 1


def test_a_corrupt_line_is_a_sentence_that_says_how_to_go_on(other_run, lanes, prompts):
    folder = other_run("a", lanes[:1], answered={0, 1})
    results = folder / "results.jsonl"
    whole = results.read_bytes()
    results.write_bytes(b"x\n" + whole)
    with pytest.raises(UsageError, match=r"line 1: the line is not JSON.*given again with --repair.*out of `reuse`"):
        UsableAnswers({"a": folder})
    # Only its two ends are looked at before it is wanted.
    results.write_bytes(whole.replace(b'"repeat":0', b'"repeat":}', 1))
    with UsableAnswers({"a": folder}) as others, pytest.raises(UsageError, match="line 1: the line is not JSON"):
        list(others.of(lanes, prompts, frozenset()))


def test_more_prompts_than_are_gone_through_at_a_time_are_all_looked_up(other_run, lanes, prompts):
    folder = other_run("a", lanes[:1], answered={0, 7})
    many = [Prompt(f"q{number}", "other") for number in range(1024)] + prompts
    assert [prompt for prompt, _, _ in found({"a": folder}, lanes, many)[0]] == ["p0", "p7"]
