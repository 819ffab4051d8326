"""What identifies one load of weights. Knows no torch and touches no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from harness.errors import ConfigError
from harness.schema import DtypeName, EngineName

DTYPES: tuple[str, ...] = get_args(DtypeName)
ENGINES: tuple[str, ...] = get_args(EngineName)
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
        engine: one of `ENGINES`. `continuous` refills a row as soon as it ends, `generate` runs static batches through
            `model.generate`; `auto` is the first where the model allows it.
        attn_implementation: passed to transformers, e.g. `sdpa` or `eager`; None leaves the choice to it.
        quantization: `int8` or `int4` (bitsandbytes), or None.
        trust_remote_code: whether Python files that come with the weights may run.
        slots: how many prompts are generated at the same time; None lets the memory decide.
        day: what a chat template that writes a date is told (ISO 8601) unless the variant says; None is today.

    Raises:
        ConfigError: a value that no model could be loaded with.
    """

    model_name: str
    path: str | None = None
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    engine: str = "auto"
    attn_implementation: str | None = None
    quantization: str | None = None
    trust_remote_code: bool = False
    slots: int | None = None
    day: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"dtype {self.dtype!r} of {self.model_name} is unknown: use one of {', '.join(DTYPES)}.")
        if not is_device(self.device):
            raise ConfigError(
                f"device {self.device!r} of {self.model_name} is unknown: use auto, cpu, cuda, cuda:N or mps."
            )
        if self.engine not in ENGINES:
            raise ConfigError(
                f"engine {self.engine!r} of {self.model_name} is unknown: use one of {', '.join(ENGINES)}."
            )
        if self.quantization is not None and self.quantization not in QUANTIZATIONS:
            raise ConfigError(
                f"quantization {self.quantization!r} of {self.model_name} is unknown: use int8 or int4, or leave it "
                "out (a checkpoint that is already quantized needs no setting)."
            )
        if self.slots is not None and self.slots < 1:
            raise ConfigError(f"slots of {self.model_name} is {self.slots}: use 1 or more.")

    @property
    def source(self) -> str:
        """The folder or Hub repository that the weights come from."""
        return self.path or self.model_name

    @property
    def most_slots(self) -> int:
        """How many prompts are at most generated at the same time: `slots`, or what pays on the device.

        On a CPU the arithmetic of 16 rows keeps a core busy. A GPU reads all weights for every step, so that more rows
        are nearly free until keys and values fill its memory.
        """
        return self.slots or (128 if self.device.startswith("cuda") else 16)

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
