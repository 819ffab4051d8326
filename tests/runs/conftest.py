"""A project folder to run in, and the command line as a process or within this one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from harness import cli
from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Result:
    code: int
    output: str


class Project:
    """A folder with a config and prompts; runs write to `out` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict = {}
        self.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(20)])

    @property
    def results(self) -> Path:
        return self.folder / "out" / "results.jsonl"

    def write_prompts(self, prompts: list[dict], name: str = "prompts.json") -> Path:
        path = self.folder / name
        path.write_text(json.dumps(prompts))
        return path

    def write_config(self, *models: dict, **shared) -> None:
        self.config = {
            "prompts_file": "prompts.json",
            "output_dir": "out",
            "max_tokens": 16,
            "models": list(models),
            **shared,
        }
        (self.folder / "config.json").write_text(json.dumps(self.config))

    def records(self, folder: str = "out") -> list[dict]:
        lines = (self.folder / folder / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def events(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "out" / "events.jsonl").read_text().splitlines()]

    def manifest(self, folder: str = "out") -> dict:
        return json.loads((self.folder / folder / "run.json").read_text())

    def cli(self, *arguments: str) -> Result:
        """The command line within this process."""
        done = CliRunner().invoke(cli.app, self._with_config(arguments))
        if isinstance(done.exception, HarnessError):
            return Result(done.exception.exit_code, done.output + str(done.exception))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.output)

    def start(
        self, *arguments: str, before: Callable[[], None] | None = None, config: bool = True, **variables: str
    ) -> subprocess.Popen:
        """The command line as a process of its own, which calls `before` when it begins."""
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *(self._with_config(arguments) if config else arguments)],
            cwd=self.folder,
            env={**os.environ, **variables},
            preexec_fn=before,  # noqa: PLW1509 - the tests that ask for it run no threads of their own
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def process(self, *arguments: str, config: bool = True, **variables: str) -> Result:
        """The command line as a process of its own, to its end."""
        with self.start(*arguments, config=config, **variables) as process:
            output, _ = process.communicate(timeout=120)
        return Result(process.returncode, output)

    def wait_for(self, condition: Callable[[], object], process: subprocess.Popen) -> None:
        """Until `condition` is true, at most as long as `process` goes on; files that are not there yet are waited for."""
        give_up_at = time.monotonic() + 90
        while time.monotonic() < give_up_at and process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if condition():
                    return
            time.sleep(0.005)
        process.kill()
        raise AssertionError(process.communicate()[0])

    def wait_for_records(self, count: int, process: subprocess.Popen, folder: str = "out") -> None:
        results = self.folder / folder / "results.jsonl"
        self.wait_for(lambda: results.read_bytes().count(b"\n") >= count, process)

    def _with_config(self, arguments: tuple[str, ...]) -> list[str]:
        needed = arguments[0] in {"run", "check"} and "--config" not in arguments
        return [*arguments, *(["--config", "config.json"] if needed else [])]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    monkeypatch.chdir(tmp_path)
    for name in ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Project(tmp_path)
