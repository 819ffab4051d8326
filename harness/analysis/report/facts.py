"""What run.json tells of a run, fact by named fact, so that nothing comes along unseen. Knows no record and no page."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import orjson

from harness.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from pathlib import Path

_OF_INVOCATION = ("started_at", "ended_at", "exit_code", "harness", "python", "platform", "packages")


def run_facts(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """`{run_id, created_at, description, prompts, shard, served, invocations}`, None where there is nothing to read.

    The config is left out: whatever else it may hold is for those who run it. And a sentence where run.json is there
    but no manifest.
    """
    path = folder / MANIFEST_NAME
    try:
        facts = orjson.loads(path.read_bytes())
        return {
            "run_id": facts["run_id"],
            "created_at": facts["created_at"],
            "description": facts["config"].get("description"),
            "prompts": {name: facts["prompts"].get(name) for name in ("file", "sha256", "count")},
            "shard": facts.get("shard"),
            "served": facts["resolved"],
            "invocations": [
                {name: one.get(name) for name in _OF_INVOCATION} | {"command": shlex.join(one["command"])}
                for one in facts["invocations"]
            ],
        }, None
    except FileNotFoundError:
        return None, None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None, f"{path} is not a run's manifest; the report is made without it."
