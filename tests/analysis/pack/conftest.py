"""A run's folder with everything that can lie beside a journal, made by somebody with a name, a host and a home."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import pwd
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from harness.analysis.labels import Annotation
from harness.analysis.rubric import read_rubric

if TYPE_CHECKING:
    from pathlib import Path

HOST = "alice-laptop.cs.example-uni.edu"
HOME = "/home/alice"
SERVER = "llm.cs.example-uni.edu"
REAL = "gpt-4.1-mini@0.7"
LOCAL = f"{HOME}/weights/tiny@0.0"
PROMPTS = [
    {
        "id": f"p{number}",
        "prompt": f"Is claim {number} true?",
        "category": "ab"[number % 2],
        "is_synthetic_probe": number > 3,
    }
    for number in range(6)
]


def item(number: int) -> str:
    return f"a{number:031x}"


def record(number, *, variant=REAL, error=None, **fields) -> dict:
    prompt = PROMPTS[number % len(PROMPTS)]
    local = variant == LOCAL
    return {
        "item_id": item(number),
        "run_id": "run",
        "schema_version": 1,
        "prompt_id": prompt["id"],
        "prompt": prompt["prompt"],
        "messages": None,
        "system": None,
        "prompt_category": prompt["category"],
        "is_synthetic_probe": prompt["is_synthetic_probe"],
        "prompt_metadata": {},
        "provider": "local" if local else "openai",
        "model": variant.rpartition("@")[0],
        "model_version": None if error else "sha256:aa" if local else "gpt-4.1-mini-2025-04-14",
        "variant": variant,
        "repeat": 0,
        "simulated": False,
        "full_response": None if error else f"Answer {number}",
        "thinking": None,
        "finish_reason": None if error else "stop",
        "finish_detail": None,
        "tokens_used": None if error else {"input": 3, "output": 2, "total": 5},
        "token_logprobs": [{"token_position": 0, "token": "A", "logprob": -0.1}] if local and not error else None,
        "logprobs_of": "scores" if local else None,
        "output_token_ids": [1] if local else None,
        "sampling_params": {
            "temperature": 0.0 if local else 0.7,
            "max_tokens": 64,
            "seed": None if local else 7,
            "top_p": None,
        },
        "seed": 7,
        "runtime": {"dtype": "float32", "device": "cpu", "source": f"{HOME}/weights/tiny"} if local else None,
        "template": None,
        "timestamp": f"2026-01-0{1 + number % 3}T23:30:00+00:00",
        "elapsed_seconds": 1.0,
        "queued_seconds": 0.0,
        "retry_count": 0,
        "request_id": None,
        "cost_usd": None,
        "error_detail": {"type": "TransientError", "status": 500, "retryable": True, "attempts": 3} if error else None,
        "error": error,
    } | fields


def lines(*values) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for one in values)


class Folder:
    """The run's folder, `out` in the project folder, which is the working folder."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.path = project / "out"
        self.path.mkdir()
        self.prompts = project / "prompts.json"
        self.write_prompts({"prompts": PROMPTS})
        self.records = [record(number) for number in range(6)]
        self.records += [record(number + 6, variant=LOCAL) for number in range(5)]
        self.write_records()
        self.write_manifest()

    def write_prompts(self, document) -> None:
        self.prompts.write_text(json.dumps(document))

    def write_records(self, *, tail: bytes = b"") -> None:
        (self.path / "results.jsonl").write_bytes(lines(*self.records) + tail)

    def manifest(self, **config) -> dict:
        sampling = {"max_tokens": 64.0, "stop": []}
        top = {"top": 5, "positions": 50, "of": "scores"}
        shared = {"chat_template_kwargs": {}, "extra_body": {}, "simulated": False, "repeats": 1}
        return {
            "schema_version": 1,
            "run_id": "run",
            "created_at": "2026-01-01T23:00:00.000+00:00",
            "simulated": False,
            "prompts": {
                "file": "prompts.json",
                "sha256": hashlib.sha256(self.prompts.read_bytes()).hexdigest(),
                "count": 6,
            },
            "variants": {
                REAL: {
                    **shared,
                    "model": "gpt-4.1-mini",
                    "provider": "openai",
                    "run_seed": 42.0,
                    "sampling": sampling | {"temperature": 0.7},
                    "logprobs": None,
                },
                LOCAL: {
                    **shared,
                    "model": LOCAL.rpartition("@")[0],
                    "provider": "local",
                    "dtype": "auto",
                    "sampling": sampling | {"temperature": 0.0},
                    "logprobs": top,
                },
            },
            "config": {
                "max_tokens": 64,
                "prompts_file": "prompts.json",
                "output_dir": str(self.path),
                "models": [
                    {
                        "name": "gpt-4.1-mini",
                        "type": "openai",
                        "temperature": [0.7],
                        "max_tokens": 64,
                        "base_url": f"https://{SERVER}:8000/v1",
                        "api_key": "${CAMPUS_LLM}",
                    },
                    {"name": f"{HOME}/weights/tiny", "type": "local", "temperature": [0.0], "max_tokens": 64},
                ],
            }
            | config,
            "resolved": {REAL: {"model_version": ["gpt-4.1-mini-2025-04-14"]}, LOCAL: {"device": ["cpu"]}},
            "invocations": [
                {
                    "started_at": "2026-01-01T23:00:00.000+00:00",
                    "ended_at": "2026-01-03T23:40:00.000+00:00",
                    "exit_code": 0,
                    "command": [
                        "harness",
                        "run",
                        "--config",
                        f"{HOME}/study/config.yaml",
                        "--output",
                        "/scratch/alice/out",
                    ],
                    "harness": "0.1.0",
                    "python": "3.11.7",
                    "platform": "Linux-6.1-x86_64",
                    "packages": {"httpx": "0.28.1", "torch": "2.13.0+cpu"},
                    "totals": {"recorded": 11},
                }
            ],
        }

    def write_manifest(self, manifest: dict | None = None) -> None:
        (self.path / "run.json").write_text(json.dumps(manifest or self.manifest(), indent=2))

    def add(self, name: str, data: bytes) -> Path:
        (self.path / name).write_bytes(data)
        return self.path / name

    def everything_beside(self) -> None:
        """Diary, labels of two coders and of an adjudicator, rubric, scores, assignment."""
        rubric = read_rubric()
        (self.path / "rubric.yaml").write_text(rubric.source)
        traceback = f'Traceback:\n  File "{HOME}/study/harness/x.py", line 3\nOSError: {HOST}: alice has no room'
        self.add(
            "events.jsonl",
            lines(
                {"time": "2026-01-01T23:00:00+00:00", "event": "begin", "run_id": "run"},
                {
                    "time": "2026-01-01T23:00:01+00:00",
                    "event": "internal_error",
                    "variant": LOCAL,
                    "traceback": traceback,
                },
            ),
        )
        self.add(
            "scores.jsonl", lines({"item_id": item(0), "variant": LOCAL, "marks": {"refused": False}, "error": None})
        )
        acts = [
            ("Alice", "coder", 0, "no"),
            ("Bob Stone", "coder", 0, "yes"),
            ("Alice", "coder", 1, "no"),
            ("Carol", "adjudicator", 0, "yes"),
        ]
        made = [
            Annotation(item(number), coder, role, "labelled", _labels(said), rubric.digest, "2026-01-04T00:00:00+00:00")
            for coder, role, number, said in acts
        ]
        self.add("annotations.jsonl", b"".join(one.to_line() for one in made))
        self.add(
            "annotate.json",
            json.dumps(
                {
                    "secret": "ab" * 32,
                    "flags": {"sample": 2, "stratify": False, "overlap": 0.5, "train": 0, "seed": 0},
                    "training": [],
                    "shared": [item(0)],
                    "split": [item(1)],
                    "coders": ["Bob Stone", "Alice"],
                    "dealt": {item(1): "Alice"},
                }
            ).encode(),
        )


def _labels(said: str) -> dict:
    return {"hallucination": said, "notes": "As Bob Stone said, no."}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    account = pwd.struct_passwd(("alice", "x", 1000, 1000, "Alice Liddell,,,", HOME, "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: account)
    monkeypatch.setattr(platform, "node", lambda: HOST)
    for name in list(os.environ):
        if any(part in name.upper() for part in ("KEY", "TOKEN", "SECRET", "PASSW")):
            monkeypatch.delenv(name)
    for name, value in {"HOME": HOME, "USER": "alice", "LOGNAME": "alice", "HOSTNAME": HOST}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    return Folder(tmp_path)


@pytest.fixture
def unpacked(folder, tmp_path):
    """Packs the folder and gives what is in the pack, by name."""

    def unpack(**options) -> dict[str, bytes]:
        from harness.analysis.pack import pack_command

        assert pack_command(folder.path, **options) == 0
        with zipfile.ZipFile(tmp_path / "out-pack.zip") as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    return unpack


@pytest.fixture
def unpack_to(folder, tmp_path):
    """Packs the folder and unpacks it into another one."""

    def unpack(name: str = "unpacked") -> Path:
        from harness.analysis.pack import pack_command

        pack_command(folder.path)
        shutil.unpack_archive(tmp_path / "out-pack.zip", tmp_path / name)
        return tmp_path / name

    return unpack
