"""Records with answers, and folders that hold them."""

from __future__ import annotations

import json

import pytest

GOLD = {
    "gold_label": {"exists": True, "description": "CVE-2018-14667 affects Red Hat JBoss RichFaces Framework."},
    "gold_points": ["CVE-2018-14667 is a published CVE record.", "It affects Red Hat JBoss RichFaces Framework."],
    "entity": "CVE-2018-14667",
}


@pytest.fixture
def gold():
    """What a prompt about a real CVE carries."""
    return GOLD


@pytest.fixture
def record():
    """A line of results.jsonl, decoded, with this answer."""

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
            "prompt_metadata": GOLD,
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
            "cost_usd": None,
            "error_detail": None,
        }
        return made | facts | {"error": error}

    return make


@pytest.fixture
def folder(tmp_path):
    """Write records into a run's folder."""

    def write(*records):
        place = tmp_path / "out"
        place.mkdir(exist_ok=True)
        (place / "results.jsonl").write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))
        return place

    return write
