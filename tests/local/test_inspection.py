from __future__ import annotations

import json
import shutil

import pytest

from harness.errors import ModelUnavailable
from harness.local import inspection
from harness.local.inspection import cached_folder, inspect_device, inspect_model
from harness.local.spec import LocalModelSpec


@pytest.fixture
def copy(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copy")


def look(folder, **options):
    return inspect_model(LocalModelSpec("tiny", path=str(folder), **options))


def levels(findings):
    return [finding.level for finding in findings]


def messages(findings, level):
    return " ".join(finding.message for finding in findings if finding.level == level)


def test_a_complete_folder_is_fine_and_its_size_is_said(checkpoint):
    findings = look(checkpoint)

    assert levels(findings) == ["ok", "ok"]
    assert "MB of weights" in findings[0].message


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("model.safetensors", "holds no weights"),
        ("config.json", "no config.json"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_a_missing_file_is_an_error_that_says_which(copy, missing, complaint):
    (copy / missing).unlink()

    assert complaint in messages(look(copy), "error")


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    assert "There is no folder" in messages(look(tmp_path / "nowhere"), "error")


def test_a_missing_chat_template_is_a_warning(checkpoint_in, tmp_path):
    assert "no chat template" in messages(look(checkpoint_in(tmp_path, chat_template=None)), "warning")


def test_a_chat_template_is_found_in_the_tokenizer_configuration_too(copy):
    (copy / "chat_template.jinja").unlink()
    path = copy / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": "{{ strftime_now('%d') }}"}))

    assert "today's date" in messages(look(copy), "warning")


def test_remote_code_is_said_whether_it_is_wanted_or_only_there(copy, checkpoint):
    assert "will run" in messages(look(checkpoint, trust_remote_code=True), "warning")
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoConfig": "own.Own"}}))
    assert "Python code of its own" in messages(look(copy), "warning")


def test_an_encoder_decoder_model_is_an_error(copy):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_encoder_decoder": True}))

    assert "encoder-decoder" in messages(look(copy), "error")


def test_a_repository_outside_the_cache_is_looked_up(monkeypatch):
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)

    [found] = inspect_model(LocalModelSpec("org/name"), ask_hub=lambda spec: 28_000_000_000)
    assert (found.level, "28.0 GB" in found.message) == ("ok", True)

    def gated(spec):
        raise ModelUnavailable(f"{spec.source} is gated. Run `hf auth login`.")

    [refused] = inspect_model(LocalModelSpec("org/name"), ask_hub=gated)
    assert (refused.level, "hf auth login" in refused.message) == ("error", True)


def test_a_repository_in_the_cache_is_looked_at_there(checkpoint, tmp_path):
    spec = LocalModelSpec("org/name")
    assert cached_folder(spec, tmp_path) is None
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--org--name"
    shutil.copytree(checkpoint, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)

    assert cached_folder(spec, tmp_path) == repository / "snapshots" / commit
    (repository / "snapshots" / commit / "model.safetensors").unlink()
    assert cached_folder(spec, tmp_path) is None


def test_devices_that_are_here_pass_and_others_name_the_way_out(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    assert inspect_device("cpu").level == "ok"
    assert "slow" in inspect_device("auto").message
    for word in ("cuda", "cuda:1", "mps"):
        finding = inspect_device(word)
        assert finding.level == "error"
        assert "--device cpu" in finding.message
