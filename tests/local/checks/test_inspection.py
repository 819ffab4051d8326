from __future__ import annotations

import json
import shutil

import pytest

from harness.errors import ModelUnavailable
from harness.findings import Level
from harness.local.capacity import Room
from harness.local.checks import inspection
from harness.local.checks.inspection import inspect_device, inspect_model, inspect_template, weight_bytes
from harness.local.checks.remote import Remote
from harness.local.hub import cached_folder
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

    found = look_at_template(copy)
    assert found.level is Level.NOTE
    assert "set template_date" in found.message


def test_a_chat_template_without_a_date_is_fine(checkpoint):
    assert look_at_template(checkpoint).level is Level.OK


def test_weights_that_are_cut_off_are_an_error(copy):
    (copy / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")

    assert "no whole safetensors file" in messages(look(copy), Level.PROBLEM)


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_weights_whose_table_is_whole_and_whose_numbers_are_not_are_an_error(copy, kept):
    path = copy / "model.safetensors"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * kept))

    said = messages(look(copy), Level.PROBLEM)
    assert "no whole safetensors file" in said
    assert f"{int(size * kept)} bytes where its header tells of {size}" in said


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


def test_the_size_of_weights_is_the_same_before_and_after_they_are_fetched(checkpoint, monkeypatch):
    size = (checkpoint / "model.safetensors").stat().st_size
    here = inspect_model(LocalModelSpec("tiny", path=str(checkpoint)))
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)
    remote = Remote(size, 0)
    there = inspect_model(LocalModelSpec("org/tiny"), ask_hub=lambda spec: remote)

    assert here.weight_bytes == there.weight_bytes == size
    assert weight_bytes(LocalModelSpec("tiny", path=str(checkpoint))) == size
    assert weight_bytes(LocalModelSpec("org/tiny"), ask_hub=lambda spec: remote) == size


def test_a_size_that_nobody_tells_is_not_known(monkeypatch, tmp_path):
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)

    def offline(spec):
        raise ModelUnavailable("The Hub cannot be reached. Go online.")

    assert weight_bytes(LocalModelSpec("org/name"), ask_hub=offline) is None
    assert weight_bytes(LocalModelSpec("m", path=str(tmp_path / "nowhere"))) is None


def test_a_device_says_what_is_free_and_which_models_follow_one_another_on_it(monkeypatch):
    monkeypatch.setattr(inspection, "room_on", lambda word: ("cuda", Room(20 * 10**9, 24 * 10**9, "on cuda:1")))

    found = inspect_device("cuda:1", ["org/a", "org/b", "org/a"], chosen=True)

    assert found.level is Level.OK
    assert found.message == "cuda:1 (20.0 GB of 24.0 GB are free): org/a, then org/b."


def test_a_cpu_that_auto_came_to_is_said_to_be_slow():
    assert "slow" in inspect_device("cpu", ["m"], chosen=True).message
    assert "slow" not in inspect_device("cpu", ["m"]).message


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_not_here_is_a_problem_that_names_the_way_out(monkeypatch, device):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    finding = inspect_device(device, ["m"])

    assert finding.level is Level.PROBLEM
    assert "--device cpu" in finding.message


def test_a_torch_that_is_not_there_is_a_problem(monkeypatch):
    def broken(word):
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr(inspection, "room_on", broken)

    assert "pip install 'llm-pilot-harness[local]'" in inspect_device("cuda:0", ["m"]).message
