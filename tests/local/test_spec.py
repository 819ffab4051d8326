from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.local.spec import LocalModelSpec


def test_equal_settings_are_one_load():
    assert LocalModelSpec("m", dtype="float32") == LocalModelSpec("m", dtype="float32")
    assert len({LocalModelSpec("m"), LocalModelSpec("m"), LocalModelSpec("m", revision="v2")}) == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("dtype", "float8"),
        ("device", "gpu"),
        ("device", "cuda:x"),
        ("quantization", "int3"),
        ("slots", 0),
        ("engine", "x"),
    ],
)
def test_a_setting_that_no_model_could_have_is_refused_by_name(setting, value):
    with pytest.raises(ConfigError, match=rf"{setting}.*my-model"):
        LocalModelSpec("my-model", **{setting: value})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_known_devices_pass_whether_or_not_they_are_here(device):
    assert LocalModelSpec("m", device=device).device == device


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        (None, None),
        ("Qwen/Qwen2.5-14B-Instruct", None),
        ("/models/qwen", Path("/models/qwen")),
        ("./qwen", Path("./qwen")),
        ("../a/b", Path("../a/b")),
        ("a/b/c", Path("a/b/c")),
    ],
)
def test_a_path_is_told_from_a_hub_repository(path, folder):
    assert LocalModelSpec("org/name", path=path).folder == folder


def test_a_folder_that_exists_goes_before_a_repository_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    assert LocalModelSpec("org/name").folder == Path("org/name")


def test_the_modules_the_event_loop_needs_import_no_torch():
    code = (
        "from harness.local import spec, status, provider, hub, weights, template;"
        "from harness.local.worker import jobs, line, batcher;"
        "from harness.local.checks import inspection;"
        "import sys; print('torch' in sys.modules, 'transformers' in sys.modules)"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.split() == ["False", "False"]
