"""Loads the scripts of prompts/, which are no package, and the benchmark file they make."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PROMPTS = Path(__file__).parents[2] / "prompts"


def _load(name: str) -> ModuleType:
    """A script as it finds itself when it is run: its own folder comes first."""
    sys.path.insert(0, str(PROMPTS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(PROMPTS))


@pytest.fixture(scope="session")
def prompts_folder() -> Path:
    return PROMPTS


@pytest.fixture(scope="session")
def build() -> ModuleType:
    return _load("build")


@pytest.fixture(scope="session")
def invent() -> ModuleType:
    return _load("invent")


@pytest.fixture(scope="session")
def verify() -> ModuleType:
    return _load("verify")


@pytest.fixture(scope="session")
def checks() -> ModuleType:
    return _load("checks")


@pytest.fixture(scope="session")
def outside() -> ModuleType:
    return _load("outside")


@pytest.fixture(scope="session")
def benchmark_file() -> dict[str, Any]:
    return json.loads((PROMPTS / "hallu-sec.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def prompts(benchmark_file) -> list[dict[str, Any]]:
    return benchmark_file["prompts"]


@pytest.fixture(scope="session")
def probes(prompts) -> list[dict[str, Any]]:
    return [prompt for prompt in prompts if prompt["is_synthetic_probe"]]


@pytest.fixture
def tables(tmp_path, prompts_folder) -> Path:
    """A copy of the tables to spoil."""
    shutil.copytree(prompts_folder / "facts", tmp_path / "facts")
    for name in ("templates.toml", "plan.csv"):
        shutil.copy(prompts_folder / name, tmp_path / name)
    return tmp_path
