from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.journal.form import HEAD, TAIL
from harness.journal.line import outcome
from harness.record import Record, reused_line
from harness.schema import (
    Completion,
    Failure,
    FinishReason,
    Message,
    Prompt,
    ProviderType,
    Request,
    SamplingParams,
    TokenLogprob,
    Usage,
    Variant,
)

FIELDS = [
    "item_id", "run_id", "schema_version", "prompt_id", "prompt", "messages", "system", "prompt_category",
    "is_synthetic_probe", "prompt_metadata", "provider", "model", "model_version", "variant", "repeat", "simulated",
    "full_response", "thinking", "finish_reason", "finish_detail", "tokens_used", "token_logprobs", "logprobs_of",
    "output_token_ids", "sampling_params", "seed", "runtime", "template", "timestamp", "elapsed_seconds",
    "queued_seconds", "retry_count", "request_id", "reused_from", "cost_usd", "error_detail", "error",
]  # fmt: skip

SENT = {"temperature": 0.7, "max_tokens": 64, "seed": 5, "top_p": None, "top_k": None, "stop": None}


@pytest.fixture
def record():
    def make(outcome, prompt: Prompt | None = None, messages=None) -> Record:
        prompt = prompt or Prompt("p1", "Is it so?", "cve_existence", False, metadata={"gold_label": {"exists": True}})
        variant = Variant("m@0.7", ProviderType.OPENAI, "m", SamplingParams(0.7, 64), 42)
        request = Request("ab" * 16, prompt, variant, 0, 5, messages or (Message("user", prompt.text),), None)
        failed = isinstance(outcome, Failure)
        return Record(
            "run", request, None if failed else outcome, outcome if failed else None,
            datetime(2026, 11, 22, tzinfo=UTC), 1.25, 0.5, 1,
        )  # fmt: skip

    return make


def _answer(**facts) -> Completion:
    return Completion(
        **{
            "text": "Yes.",
            "finish_reason": FinishReason.STOP,
            "usage": Usage(3, 2, 5),
            "model_version": "m-1",
            "sent": SENT,
            **facts,
        }
    )


def _fields(line: bytes) -> dict:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def test_a_line_holds_all_fields_in_their_order_with_the_id_first_and_the_error_last(record):
    line = record(_answer()).to_line()
    assert list(_fields(line)) == FIELDS
    assert line.startswith(b'{"item_id":"' + b"ab" * 16 + b'",')
    assert line.endswith(b',"error":null}\n')


def test_a_failure_says_why_in_a_sentence_and_in_detail(record):
    fields = _fields(record(Failure("TransientError", "502 Bad Gateway.", 502, True, 3)).to_line())
    assert fields["error"] == "502 Bad Gateway."
    assert fields["error_detail"] == {"type": "TransientError", "status": 502, "retryable": True, "attempts": 3}
    assert fields["full_response"] is None
    assert fields["sampling_params"]["temperature"] == 0.7


def test_the_prompt_and_whatever_its_file_gave_travel_along(record):
    fields = _fields(record(_answer()).to_line())
    assert fields["prompt"] == "Is it so?"
    assert fields["messages"] is None
    assert fields["prompt_metadata"] == {"gold_label": {"exists": True}}
    assert fields["is_synthetic_probe"] is False


def test_several_turns_are_kept_as_messages(record):
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    fields = _fields(record(_answer(), Prompt("p", "c", messages=turns), turns).to_line())
    assert fields["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_token_logprobs_are_objects_with_named_fields(record):
    logprob = TokenLogprob(0, "Yes", 7, -0.1, -0.2, ("Yes", "No"), (7, 8), (-0.1, -2.5))
    fields = _fields(record(_answer(token_logprobs=(logprob,), logprobs_of="scores")).to_line())
    assert fields["token_logprobs"] == [
        {
            "token_position": 0, "token": "Yes", "token_id": 7, "logprob": -0.1, "raw_logprob": -0.2,
            "top_tokens": ["Yes", "No"], "top_token_ids": [7, 8], "top_logprobs": [-0.1, -2.5],
        }
    ]  # fmt: skip


def test_optional_token_counts_stand_only_where_the_provider_gave_them(record):
    assert _fields(record(_answer()).to_line())["tokens_used"] == {"input": 3, "output": 2, "total": 5}
    counted = _fields(record(_answer(usage=Usage(3, 2, 5, 1, 1))).to_line())["tokens_used"]
    assert counted == {"input": 3, "output": 2, "total": 5, "cached_input": 1, "thinking": 1}


@pytest.mark.parametrize("hostile", ["\ud800 lone", "a\nb\r\u2028c", "\x00\x1b[31m", "\u202eevil", "🜁" * 10])
def test_no_answer_is_lost_for_the_characters_in_it(record, hostile):
    logprob = TokenLogprob(0, hostile, None, -0.1, None, (hostile,), None, (-0.1,))
    fields = _fields(record(_answer(text=hostile, token_logprobs=(logprob,))).to_line())
    assert fields["full_response"] == hostile.replace("\ud800", "\ufffd")
    assert fields["token_logprobs"][0]["top_tokens"] == [hostile.replace("\ud800", "\ufffd")]


def test_a_reused_answer_keeps_what_it_is_and_takes_what_this_run_says_of_its_prompt(record):
    theirs = record(_answer(request_id="req-1", runtime={"dtype": "float32"}))
    answer = _fields(replace(theirs, cost_usd=0.25).to_line())
    ours = replace(theirs.request, prompt=Prompt("p1", "Is it so?", "other", True, metadata={"gold_label": {}}))

    line = reused_line(answer, ours, "ours", "out/theirs")

    made = _fields(line)
    assert list(made) == FIELDS
    assert line.startswith(b'{"item_id":"' + b"ab" * 16 + b'",')
    assert line.endswith(b',"error_detail":null,"error":null}\n')
    changed = {name: made[name] for name in FIELDS if made[name] != answer[name]}
    assert changed == {
        "run_id": "ours",
        "prompt_category": "other",
        "is_synthetic_probe": True,
        "prompt_metadata": {"gold_label": {}},
        "reused_from": {"run_id": "run", "folder": "out/theirs", "cost_usd": 0.25},
        "cost_usd": 0.0,
    }


def test_an_answer_that_is_reused_twice_names_the_run_that_made_it(record):
    theirs = replace(record(_answer()), cost_usd=0.25)
    once = _fields(reused_line(_fields(theirs.to_line()), theirs.request, "second", "out/first"))
    twice = _fields(reused_line(once, theirs.request, "third", "out/second"))
    assert twice["reused_from"] == {"run_id": "run", "folder": "out/second", "cost_usd": 0.25}
    assert (twice["run_id"], twice["cost_usd"]) == ("third", 0.0)


def test_a_price_that_nobody_knew_stays_unknown(record):
    theirs = record(_answer())
    made = _fields(reused_line(_fields(theirs.to_line()), theirs.request, "ours", "out/theirs"))
    assert (made["cost_usd"], made["reused_from"]["cost_usd"]) == (None, None)


def test_a_line_of_an_older_version_that_lacks_fields_or_has_them_in_another_order_comes_out_scannable(record):
    theirs = record(_answer())
    answer = _fields(theirs.to_line())
    del answer["reused_from"]
    shuffled = dict(reversed(answer.items()))
    line = reused_line(shuffled, theirs.request, "ours", "f")
    assert outcome(line) == (bytes.fromhex("ab" * 16), True)
    assert line.startswith(HEAD)
    assert line.endswith(TAIL)
