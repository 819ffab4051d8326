"""What tests of what follows a run share."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture
def plain_record():
    """A line of results.jsonl, decoded, with this answer; keywords say what is otherwise."""

    def make(number=1, answer="It is.", *, error=None, **facts):
        made = {
            "item_id": f"{number:032x}",
            "run_id": "r",
            "schema_version": 1,
            "prompt_id": f"p{number}",
            "prompt": "Which product does CVE-2018-14667 affect?",
            "messages": None,
            "system": None,
            "prompt_category": "c",
            "is_synthetic_probe": False,
            "prompt_metadata": {},
            "provider": "openai",
            "model": "m",
            "model_version": "v1",
            "variant": "m@0.0",
            "repeat": 0,
            "simulated": False,
            "full_response": None if error else answer,
            "thinking": None,
            "finish_reason": None if error else "stop",
            "finish_detail": None,
            "tokens_used": {"input": 9, "output": 2, "total": 11},
            "token_logprobs": None,
            "logprobs_of": None,
            "output_token_ids": None,
            "sampling_params": {"temperature": 0.0},
            "seed": 7,
            "runtime": None,
            "template": None,
            "timestamp": "2026-07-26T00:00:00+00:00",
            "elapsed_seconds": 1.0,
            "queued_seconds": 0.0,
            "retry_count": 0,
            "request_id": None,
            "reused_from": None,
            "cost_usd": None,
            "error_detail": None,
        }
        return made | facts | {"error": error}

    return make


@pytest.fixture
def no_collecting(monkeypatch):
    """statsmodels collects garbage with every correction, which takes a hundred times as long as the rest of it."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
