"""Loads the scripts of prompts/, which are no package, and the benchmark file they make."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PROMPTS = Path(__file__).parents[2] / "prompts"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"hallu_sec_{name}", PROMPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses resolve annotations through sys.modules.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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
def benchmark_file() -> dict[str, Any]:
    return json.loads((PROMPTS / "hallu-sec.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def prompts(benchmark_file) -> list[dict[str, Any]]:
    return benchmark_file["prompts"]


@pytest.fixture(scope="session")
def probes(prompts) -> list[dict[str, Any]]:
    return [prompt for prompt in prompts if prompt["is_synthetic_probe"]]
