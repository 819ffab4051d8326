from __future__ import annotations

import json
import shutil

import pytest

from harness.errors import ModelUnavailable
from harness.findings import Level
from harness.local import inspection
from harness.local.hub import cached_folder
from harness.local.inspection import inspect_device, inspect_model, inspect_template
from harness.local.remote import Remote
from harness.local.spec import LocalModelSpec


@pytest.fixture
def copy(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copy")


def look(folder, **options):
    return inspect_model(LocalModelSpec("tiny", path=str(folder), **options)).findings


def look_at_template(folder):
    [found] = inspect_template(LocalModelSpec("tiny", path=str(folder)), folder)
    return found


def messages(findings, level):
    return " ".join(finding.message for finding in findings if finding.level == level)


def test_a_complete_folder_is_fine_and_its_size_is_said(checkpoint):
    found = inspect_model(LocalModelSpec("tiny", path=str(checkpoint)))

    assert [finding.level for finding in found.findings] == [Level.OK]
    assert "MB of weights" in found.findings[0].message
    assert found.is_usable
    assert found.folder == checkpoint
    assert found.fetch_bytes == 0


def test_the_parameters_are_counted_by_their_type(checkpoint):
    [(kind, count)] = inspect_model(LocalModelSpec("tiny", path=str(checkpoint))).parameters.items()

    assert kind == "F32"
    assert 0 < (checkpoint / "model.safetensors").stat().st_size - 4 * count < 8000


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

    assert complaint in messages(look(copy), Level.PROBLEM)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    assert "There is no folder" in messages(look(tmp_path / "nowhere"), Level.PROBLEM)


def test_a_missing_chat_template_is_a_warning(checkpoint_in, tmp_path):
    found = look_at_template(checkpoint_in(tmp_path, chat_template=None))

    assert found.level is Level.WARNING
    assert "no chat template" in found.message


def test_a_chat_template_is_found_in_the_tokenizer_configuration_too(copy):
    (copy / "chat_template.jinja").unlink()
    path = copy / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": "{{ strftime_now('%d') }}"}))

    assert "today's date" in look_at_template(copy).message


def test_a_chat_template_without_a_date_is_fine(checkpoint):
    assert look_at_template(checkpoint).level is Level.OK


def test_weights_that_are_cut_off_are_an_error(copy):
    (copy / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")

    assert "no whole safetensors file" in messages(look(copy), Level.PROBLEM)


def test_remote_code_is_said_whether_it_is_wanted_or_only_there(copy, checkpoint):
    assert "will run" in messages(look(checkpoint, trust_remote_code=True), Level.WARNING)
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoConfig": "own.Own"}}))
    assert "Python code of its own" in messages(look(copy), Level.WARNING)


def test_an_encoder_decoder_model_is_an_error(copy):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_encoder_decoder": True}))

    assert "encoder-decoder" in messages(look(copy), Level.PROBLEM)


def test_a_repository_outside_the_cache_is_looked_up(monkeypatch):
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)
    remote = Remote(28_000_000_000, 20_000_000_000, {"BF16": 14_000_000_000})

    found = inspect_model(LocalModelSpec("org/name"), ask_hub=lambda spec: remote)

    assert [finding.level for finding in found.findings] == [Level.OK]
    assert "28.0 GB" in found.findings[0].message
    assert found.folder is None
    assert (found.parameters, found.fetch_bytes) == (remote.parameters, 20_000_000_000)


def test_a_repository_that_may_not_be_fetched_is_an_error(monkeypatch):
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)

    def gated(spec):
        raise ModelUnavailable(f"{spec.source} is gated. Run `hf auth login`.")

    found = inspect_model(LocalModelSpec("org/name"), ask_hub=gated)

    assert "hf auth login" in messages(found.findings, Level.PROBLEM)
    assert not found.is_usable


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

    assert inspect_device("cpu").level is Level.OK
    assert "slow" in inspect_device("auto").message
    for word in ("cuda", "cuda:1", "mps"):
        finding = inspect_device(word)
        assert finding.level is Level.PROBLEM
        assert "--device cpu" in finding.message
