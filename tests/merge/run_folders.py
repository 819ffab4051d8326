"""Folders as runs leave them, with lines in the journal's own form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from harness.config import config_of, expand
from harness.digests import digest16
from harness.manifest import Manifest, describe_config, describe_variant
from harness.merge.inputs import read_inputs

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {"prompts_file": "p.json", "models": [{"name": "m", "type": "openai", "temperature": 0.0}]}


def item(n: int) -> bytes:
    """The digest of the n-th item."""
    return digest16(f"item {n}")


def line(n: int, answer: str = "Yes.", *, error: str | None = None, **facts) -> bytes:
    """A record of the n-th item."""
    record = {
        "item_id": item(n).hex(),
        "run_id": "r",
        "schema_version": 1,
        "prompt_id": f"p{n}",
        "variant": "m@0.0",
        "full_response": None if error else answer,
        "thinking": None,
        "finish_reason": None if error else "stop",
        "output_token_ids": None,
        "timestamp": "2026-07-26T00:00:00+00:00",
        "elapsed_seconds": 1.0,
        "queued_seconds": 0.0,
        "cost_usd": None,
        "error_detail": None,
    }
    return orjson.dumps(record | facts | {"error": error}, option=orjson.OPT_APPEND_NEWLINE)


def events(*told: tuple[str, str], **facts) -> bytes:
    """Lines of events.jsonl, each with its time and kind."""
    return b"".join(orjson.dumps({"time": time, "event": kind, **facts}) + b"\n" for time, kind in told)


class Folders:
    """Makes folders in `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def make(self, name: str, *lines: bytes, config: dict | None = None, diary: bytes | None = None, **facts) -> Path:
        """A run's folder; `facts` are those of its manifest."""
        folder = self.place / name
        folder.mkdir()
        (folder / "results.jsonl").write_bytes(b"".join(lines))
        if diary is not None:
            (folder / "events.jsonl").write_bytes(diary)
        made = config_of(CONFIG if config is None else config, "config")
        manifest = Manifest.new(facts.pop("run_id", name))
        manifest.config = describe_config(made)
        manifest.variants = {lane.variant.name: describe_variant(lane.variant) for lane in expand(made)}
        manifest.prompts = {"file": "p.json", "sha256": "aa", "count": 100}
        for fact, value in facts.items():
            setattr(manifest, fact, value)
        manifest.write(folder)
        return folder

    def inputs(self, *folders: Path):
        return read_inputs(folders)
