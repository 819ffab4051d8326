"""Loads a tokenizer and weights with transformers, safely and quietly, and says what they resolved to.

Called in the local thread only: it sets the verbosity and the progress bars of transformers, which are the process's.
"""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers

from harness.config.model import DEMO_MODEL_PATH
from harness.errors import LaneError, ModelUnavailable
from harness.local.context import context_length
from harness.local.demo import demo_model_path
from harness.local.devices import is_out_of_memory, resolve_device, resolve_dtype
from harness.local.hub import snapshot
from harness.local.status import LoadInfo
from harness.local.template import Template
from harness.local.weights import weight_files, weights_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.local.spec import LocalModelSpec

_hf: Any = transformers  # partly untyped

_LOADING = threading.Lock()
"""While transformers builds a model, the number format of new tensors is the whole process's: one at a time."""


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, its tokenizer and its template."""

    model: Any
    tokenizer: Any
    template: Template
    device: torch.device
    info: LoadInfo


def load(spec: LocalModelSpec, on_size: Callable[[int], None] = lambda _: None) -> LoadedModel:
    """Load what `spec` names.

    Args:
        on_size: told the bytes of the weights' files before they are read.

    Raises:
        LaneError: it cannot be loaded; the sentence says what to do.
    """
    be_quiet()
    device = resolve_device(spec.device)
    if device.type == "cuda":
        # Each device has a thread, and kernels that do not ask where their tensors are run on the thread's device.
        torch.cuda.set_device(device)
    dtype = resolve_dtype(spec.dtype, device)
    folder, commit = (spec.folder, None) if spec.folder is not None else snapshot(spec)
    files = weight_files(folder)
    on_size(sum(path.stat().st_size for path in files))
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
        _refuse_encoder_decoder(spec, config)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=spec.trust_remote_code)
        with _LOADING:
            model = _load_weights(spec, folder, config, device, dtype)
    except LaneError:
        raise
    except ImportError:
        raise
    except Exception as exc:
        raise ModelUnavailable(_explain(spec, exc), sent=False) from exc
    template = Template(tokenizer, spec.day)
    weights_hash = weights_version(files)
    original = neutralise_generation_config(model)
    info = LoadInfo(
        model_name=spec.model_name,
        model_version=commit or weights_hash,
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
        engine="generate",
        attention=getattr(model.config, "_attn_implementation", None),
        weight_bytes=int(model.get_memory_footprint(return_buffers=False)),
        context_length=context_length(model.config.get_text_config().to_dict()),
        eos_ids=_eos_ids(original, tokenizer),
        generation_config=original,
        chat_template_hash=template.hash,
        quantization=spec.quantization,
        notes=_notes(spec, template),
        # By its name where it ships with the project, because its folder is another on the next machine.
        source=DEMO_MODEL_PATH if folder == demo_model_path() else spec.source,
        revision=spec.revision,
        weights_hash=weights_hash,
        slots=spec.most_slots,
        trust_remote_code=spec.trust_remote_code,
    )
    return LoadedModel(model, tokenizer, template, device, info)


def be_quiet() -> None:
    """Keep transformers and huggingface_hub from writing through the dashboard."""
    _hf.logging.set_verbosity_error()
    _hf.logging.disable_progress_bar()


def neutralise_generation_config(model: Any) -> dict[str, Any]:
    """Take the checkpoint's wishes for `generate` off `model` and return them.

    They leak into every call that does not override them: a repetition penalty of 1.05 applies to greedy answers too.
    """
    original: dict[str, Any] = model.generation_config.to_diff_dict()
    model.generation_config = _hf.GenerationConfig()
    original.pop("transformers_version", None)
    return original


def _load_weights(spec: LocalModelSpec, folder: Path, config: Any, device: torch.device, dtype: torch.dtype) -> Any:
    options: dict[str, Any] = {}
    if spec.attn_implementation is not None:
        options["attn_implementation"] = spec.attn_implementation
    if spec.quantization is not None:
        options["quantization_config"] = _hf.BitsAndBytesConfig(
            load_in_8bit=spec.quantization == "int8",
            load_in_4bit=spec.quantization == "int4",
            bnb_4bit_compute_dtype=dtype,
        )
    # With accelerate the weights go straight to the device; without it they pass through main memory.
    straight = device.type != "cpu" and importlib.util.find_spec("accelerate") is not None
    if straight or spec.quantization is not None:
        options["device_map"] = {"": device}
    model, found = _hf.AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        trust_remote_code=spec.trust_remote_code,
        **options,
    )
    missing = sorted(found["missing_keys"])
    if missing:
        # transformers makes them up at random, and says so in a warning.
        raise ModelUnavailable(
            f"{spec.model_name} lacks {len(missing)} of its weights, {missing[0]} among them: the files do not belong "
            "to this config.json, or to a model that generates text. Fetch the model again.",
            sent=False,
        )
    return model.eval() if "device_map" in options else model.to(device).eval()


def _refuse_encoder_decoder(spec: LocalModelSpec, config: Any) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise ModelUnavailable(
            f"{spec.model_name} is an encoder-decoder model ({config.model_type}), and only decoder-only causal "
            "language models can be run. Remove it from the config.",
            sent=False,
        )


def _eos_ids(generation_config: dict[str, Any], tokenizer: Any) -> tuple[int, ...]:
    """The checkpoint's list and the tokenizer's own: fine-tuned checkpoints often keep the base model's list."""
    listed = generation_config.get("eos_token_id")
    ids = listed if isinstance(listed, list) else [listed]
    return tuple(sorted({token_id for token_id in (*ids, tokenizer.eos_token_id) if token_id is not None}))


def _notes(spec: LocalModelSpec, template: Template) -> tuple[str, ...]:
    notes = []
    if spec.trust_remote_code:
        notes.append("trust_remote_code is set, so Python files that came with the weights may run.")
    if template.hash is None:
        notes.append("There is no chat template: prompts are written as `User: …` and `Assistant:`.")
    if template.writes_date:
        notes.append(
            f"The chat template may write a date into prompts: {spec.day or 'today'}, or what template_date says."
        )
    return tuple(notes)


def does_not_fit(spec: LocalModelSpec, exc: Exception) -> ModelUnavailable:
    """What to say where memory ran out before the first prompt."""
    return ModelUnavailable(
        f"{spec.model_name} does not fit into the memory of {spec.device} ({str(exc).strip()}). Use a smaller model, "
        "dtype: bfloat16, quantization: int8, or another device.",
        sent=False,
    )


def _explain(spec: LocalModelSpec, exc: Exception) -> str:
    text = str(exc).strip()
    name = spec.model_name
    if is_out_of_memory(exc):
        return does_not_fit(spec, exc).message
    if "trust_remote_code" in text:
        return (
            f"{name} comes with Python code of its own, which runs only where the config says trust_remote_code: true "
            "for this model. Read the code first, or use a model that transformers knows."
        )
    if "Tokenizer" in text or "tokenizer" in text:
        return f"The tokenizer of {name} could not be loaded: {text}. Fetch the model again, tokenizer files included."
    return f"{name} could not be loaded: {type(exc).__name__}: {text}. Run `harness check` on the config."
