from __future__ import annotations

import json
import os

import pytest

from harness.errors import ModelUnavailable
from harness.local import weights
from harness.local.weights import INDEX, SINGLE, weight_files, weights_version


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def shard(folder, *names):
    (folder / INDEX).write_text(json.dumps({"weight_map": {f"w{i}": name for i, name in enumerate(names)}}))


def test_a_single_file_is_found(folder):
    (folder / SINGLE).write_bytes(b"x")

    assert weight_files(folder) == (folder / SINGLE,)


def test_the_shards_of_an_index_are_found_in_order_and_once(folder):
    names = ["model-00002.safetensors", "model-00001.safetensors", "model-00002.safetensors"]
    shard(folder, *names)
    for name in names:
        (folder / name).write_bytes(b"x")

    assert [path.name for path in weight_files(folder)] == ["model-00001.safetensors", "model-00002.safetensors"]


def test_a_folder_with_pickled_weights_only_is_refused_with_the_way_out(folder):
    (folder / "pytorch_model.bin").write_bytes(b"x")

    with pytest.raises(ModelUnavailable, match=r"pytorch_model\.bin.*Convert them"):
        weight_files(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../elsewhere.safetensors", "/etc/x.safetensors"])
def test_an_index_cannot_smuggle_in_another_file(folder, name):
    shard(folder, name)

    with pytest.raises(ModelUnavailable, match=r"only \.safetensors files"):
        weight_files(folder)


def test_a_config_cannot_name_pickled_weights(folder):
    (folder / SINGLE).write_bytes(b"x")
    (folder / "config.json").write_text('{"transformers_weights": "adapter_model.bin"}')

    with pytest.raises(ModelUnavailable, match=r"adapter_model\.bin"):
        weight_files(folder)


def test_a_missing_shard_is_named(folder):
    shard(folder, "model-00001.safetensors")

    with pytest.raises(ModelUnavailable, match=r"lacks model-00001\.safetensors"):
        weight_files(folder)


def test_a_folder_that_is_not_there_and_one_without_weights_say_so(folder):
    with pytest.raises(ModelUnavailable, match="There is no folder"):
        weight_files(folder / "nowhere")
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        weight_files(folder)


def test_json_that_cannot_be_read_is_named(folder):
    (folder / INDEX).write_text("{broken")

    with pytest.raises(ModelUnavailable, match="cannot be read"):
        weight_files(folder)


def test_the_version_follows_content_name_and_size(folder):
    path, other = folder / SINGLE, folder / "other.safetensors"
    path.write_bytes(b"weights")
    version = weights_version((path,))
    other.write_bytes(b"weights")

    assert weights_version((path,)) == version
    assert weights_version((other,)) != version
    path.write_bytes(b"weightz")
    assert weights_version((path,)) != version


def test_the_version_of_a_large_file_sees_its_beginning_its_end_and_blocks_between(folder, monkeypatch):
    monkeypatch.setattr(weights, "_BLOCK", 16)
    path = folder / SINGLE
    content = bytearray(os.urandom(16 * 64 * 4))
    path.write_bytes(content)
    version = weights_version((path,))

    for position in (0, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert weights_version((path,)) != version
    path.write_bytes(bytes(b ^ 1 for b in content))
    assert weights_version((path,)) != version
