from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from harness.errors import ModelUnavailable
from harness.local.devices import resolve_dtype
from harness.local.loading import load
from harness.local.spec import LocalModelSpec


@pytest.fixture
def copy(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copy")


def spec_of(folder, **options):
    return LocalModelSpec("tiny", path=str(folder), device="cpu", **options)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_loaded_is_said(checkpoint):
    info = load(spec_of(checkpoint)).info

    assert (info.device, info.dtype, info.engine, info.attention) == ("cpu", "float32", "generate", "sdpa")
    assert info.context_length == 256
    assert info.eos_ids == (1,)
    assert info.weight_bytes == 4 * sum(p.numel() for p in load(spec_of(checkpoint)).model.parameters())
    assert info.model_version == info.weights_hash
    assert info.weights_hash.startswith("sha256:")
    assert (info.source, info.revision, info.trust_remote_code) == (str(checkpoint), None, False)
    assert info.slots == 16
    assert info.chat_template_hash


def test_the_bytes_of_the_weights_files_are_told_before_they_are_read(checkpoint, monkeypatch):
    told = []
    read = transformers.AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        transformers.AutoModelForCausalLM, "from_pretrained", lambda *a, **k: (told.append("read"), read(*a, **k))[1]
    )

    load(spec_of(checkpoint), told.append)

    assert told == [(checkpoint / "model.safetensors").stat().st_size, "read"]


def test_the_same_weights_have_the_same_version_wherever_they_lie(checkpoint, copy):
    assert load(spec_of(copy)).info.model_version == load(spec_of(checkpoint)).info.model_version


def test_dtype_and_attention_are_as_asked(checkpoint):
    loaded = load(spec_of(checkpoint, dtype="bfloat16", attn_implementation="eager"))

    assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}
    assert (loaded.info.dtype, loaded.info.attention) == ("bfloat16", "eager")


def test_dtype_auto_is_float32_on_a_cpu():
    assert resolve_dtype("auto", torch.device("cpu")) is torch.float32


def test_pickled_weights_are_refused(copy):
    state = load(spec_of(copy)).model.state_dict()
    torch.save(state, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()

    with pytest.raises(ModelUnavailable, match=r"pytorch_model\.bin"):
        load(spec_of(copy))


@pytest.mark.parametrize("rename", [lambda name: None if name == "lm_head.weight" else name, "base.{}".format])
def test_weights_that_are_missing_are_not_made_up(copy, rename):
    path = copy / "model.safetensors"
    tensors = {renamed: tensor for name, tensor in load_file(path).items() if (renamed := rename(name))}
    save_file(tensors, path, metadata={"format": "pt"})

    with pytest.raises(ModelUnavailable, match=r"lacks \d+ of its weights, lm_head\.weight among them"):
        load(LocalModelSpec("m", path=str(copy), device="cpu"))


def test_python_files_of_a_checkpoint_do_not_run_unasked(copy):
    planted = copy.parent / "ran"
    (copy / "modeling_own.py").write_text(f"open({str(planted)!r}, 'w')\n")
    edit(copy / "config.json", model_type="own", auto_map={"AutoConfig": "modeling_own.Own"})

    with pytest.raises(ModelUnavailable, match="trust_remote_code: true"):
        load(spec_of(copy))

    assert not planted.exists()


def test_trusting_remote_code_is_noted(checkpoint):
    assert "Python files" in load(spec_of(checkpoint, trust_remote_code=True)).info.notes[0]
    assert load(spec_of(checkpoint)).info.notes == ()


def test_a_folder_without_a_tokenizer_is_refused(copy):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copy / name).unlink()

    with pytest.raises(ModelUnavailable, match="tokenizer"):
        load(spec_of(copy))


def test_a_broken_config_is_refused(copy):
    edit(copy / "config.json", model_type="no-such-architecture")

    with pytest.raises(ModelUnavailable, match="tiny could not be loaded"):
        load(spec_of(copy))


def test_a_missing_chat_template_is_noted(checkpoint_in, tmp_path):
    info = load(spec_of(checkpoint_in(tmp_path, chat_template=None))).info

    assert info.chat_template_hash is None
    assert "User:" in info.notes[0]


def test_cuda_without_a_gpu_is_refused_with_the_way_out(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ModelUnavailable, match="--device cpu"):
        load(replace(spec_of(checkpoint), device="cuda"))


def test_weights_larger_than_memory_say_what_would_fit(checkpoint, monkeypatch):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", fail)

    with pytest.raises(ModelUnavailable, match="smaller model"):
        load(spec_of(checkpoint))


def test_loading_writes_nothing_to_the_screen(checkpoint, capfd):
    load(spec_of(checkpoint))

    assert capfd.readouterr() == ("", "")
