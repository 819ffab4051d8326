"""What identifies one load of weights. Knows no torch and touches no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.errors import ConfigError

DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZATIONS = ("int8", "int4")

_PATH_STARTS = ("/", "./", "../", "~", ".\\", "..\\")


@dataclass(frozen=True, slots=True)
class LocalModelSpec:
    """One load of weights. Variants whose specs are equal share the load and may share a batch.

    Args:
        model_name: the name in the records; also the repository on the Hugging Face Hub where `path` is None.
        path: a folder, or a Hub repository that is recorded under another name.
        revision: a branch, tag or commit of the Hub repository.
        dtype: one of `DTYPES`. `auto` is float32 on a CPU, bfloat16 (else float16) on CUDA, float16 on MPS.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        engine: `generate` batches through `model.generate`; `auto` chooses.
        attn_implementation: passed to transformers, e.g. `sdpa` or `eager`; None leaves the choice to it.
        quantization: `int8` or `int4` (bitsandbytes), or None.
        trust_remote_code: whether Python files that come with the weights may run.
        slots: how many prompts are generated at the same time.

    Raises:
        ConfigError: a value that no model could be loaded with.
    """

    model_name: str
    path: str | None = None
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    engine: Literal["auto", "generate"] = "auto"
    attn_implementation: str | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    slots: int = 16

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"dtype {self.dtype!r} of {self.model_name} is unknown: use one of {', '.join(DTYPES)}.")
        if not is_device(self.device):
            raise ConfigError(
                f"device {self.device!r} of {self.model_name} is unknown: use auto, cpu, cuda, cuda:N or mps."
            )
        if self.engine not in ("auto", "generate"):
            raise ConfigError(f"engine {self.engine!r} of {self.model_name} is unknown: use auto or generate.")
        if self.quantization is not None and self.quantization not in QUANTIZATIONS:
            raise ConfigError(
                f"quantization {self.quantization!r} of {self.model_name} is unknown: use int8 or int4, or leave it "
                "out (a checkpoint that is already quantized needs no setting)."
            )
        if self.slots < 1:
            raise ConfigError(f"slots of {self.model_name} is {self.slots}: use 1 or more.")

    @property
    def source(self) -> str:
        """The folder or Hub repository that the weights come from."""
        return self.path or self.model_name

    @property
    def folder(self) -> Path | None:
        """The local folder that `source` names, whether or not it exists; None where it names a Hub repository.

        As in transformers, a folder that exists goes before a repository of the same name.
        """
        source = self.source
        path = Path(source).expanduser()
        looks_local = source.startswith(_PATH_STARTS) or source.count("/") > 1 or path.is_absolute()
        return path if looks_local or path.is_dir() else None


def is_device(word: str) -> bool:
    """Whether `word` is a device this program knows, present here or not."""
    kind, _, number = word.partition(":")
    return word in ("auto", "cpu", "cuda", "mps") or (kind == "cuda" and number.isdecimal())
