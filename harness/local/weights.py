"""Which files of a folder hold a model's weights, and a name for what is in them. Reads no tensor, knows no torch."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from harness.errors import ModelUnavailable

if TYPE_CHECKING:
    from pathlib import Path

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_BLOCK = 1 << 20
_BLOCKS = 64


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that transformers will load from `folder`, in order.

    `use_safetensors=True` alone does not hold it to safetensors: an index may name `.bin` shards, and
    `transformers_weights` in config.json another file. Both are refused here.

    Raises:
        ModelUnavailable: there are none, or what is there is not safetensors, or not complete.
    """
    first = read_json(folder / "config.json").get("transformers_weights") or (
        SINGLE if (folder / SINGLE).is_file() else INDEX
    )
    names = [first]
    if first.endswith(".json") and (folder / first).is_file():
        names = sorted(set(read_json(folder / first).get("weight_map", {}).values()))
    for name in names:
        if not name.endswith((".safetensors", ".safetensors.index.json")) or "/" in name or "\\" in name:
            raise ModelUnavailable(
                f"{folder} wants {name} loaded, and only .safetensors files in the folder itself are. Convert the "
                "checkpoint with `save_pretrained` of transformers.",
                sent=False,
            )
    files = tuple(folder / name for name in names)
    missing = [path.name for path in files if not path.is_file()]
    if missing or not files:
        raise ModelUnavailable(_no_weights(folder, missing), sent=False)
    return files


def weights_version(files: tuple[Path, ...]) -> str:
    """`sha256:` and 32 hex digits over the files' names, sizes and content.

    A file of up to 64 MiB is read whole; of a larger one 64 blocks of 1 MiB are, spread evenly from its beginning (the
    table of tensors) to its end, so that a checkpoint of any size takes well under a second. Training moves nearly all
    weights, so a different checkpoint shows; this is a name, not a defence against forgery.
    """
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            for block in range(_BLOCKS):
                if size > _BLOCK * _BLOCKS:
                    file.seek((size - _BLOCK) * block // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return f"sha256:{digest.hexdigest()[:32]}"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty where there is no such file.

    Raises:
        ModelUnavailable: it is there and is no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise ModelUnavailable(f"{path} cannot be read: {exc}. Fetch the model again.", sent=False) from exc
    if not isinstance(found, dict):
        raise ModelUnavailable(f"{path} is no JSON object. Fetch the model again.", sent=False)
    return found


def _no_weights(folder: Path, missing: list[str]) -> str:
    if not folder.is_dir():
        return f"There is no folder {folder}. Correct model_path, or remove it to take the model from the Hub."
    if (folder / INDEX).is_file() and missing != [INDEX]:
        return f"{folder} lacks {', '.join(missing)}, which its {INDEX} names. Fetch the model again."
    others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.gguf") for path in folder.glob(pattern))
    if others:
        return (
            f"{folder} has weights as {', '.join(others[:3])} and none as safetensors, and other formats can run code "
            "when they are loaded. Convert them with `save_pretrained` of transformers."
        )
    return f"{folder} holds no weights ({SINGLE} or {INDEX}). Fetch the model again, or correct model_path."
