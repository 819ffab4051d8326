"""What quantization and attention kernels need besides torch and transformers, told before a load fails on it.

Imports nothing heavy, but bitsandbytes where it is installed and asked for.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from harness.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.local.spec import LocalModelSpec

_ATTENTION = ("eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3", "flash_attention_4")
_FLASH = {
    "flash_attention_2": ("flash_attn", "flash-attn"),
    "flash_attention_3": ("flash_attn_interface", "flash-attn-3"),
    "flash_attention_4": ("flash_attn", "flash-attn-4"),
}
"""The module that transformers looks for, and the package that brings it."""


def is_installed(module: str) -> bool:
    """Whether `module` could be imported."""
    return importlib.util.find_spec(module) is not None


def bitsandbytes_devices() -> frozenset[str]:
    """The kinds of device that the installed bitsandbytes computes on; none where it cannot be imported."""
    try:
        import bitsandbytes  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - seconds of import
    except Exception:  # noqa: BLE001 - it looks for libraries when it is imported, and fails in many ways
        return frozenset()
    return frozenset(getattr(bitsandbytes, "supported_torch_devices", {"cuda"}))


def lacking(
    spec: LocalModelSpec,
    kind: str,
    config: Mapping[str, Any],
    *,
    installed: Callable[[str], bool] = is_installed,
    supported: Callable[[], frozenset[str]] = bitsandbytes_devices,
) -> list[Finding]:
    """What keeps `spec` from being loaded with the quantization and the attention it asks for, or makes it slow.

    Args:
        kind: of the device that it goes to: `cpu`, `cuda` or `mps`.
        config: what the model's config.json says; empty where it is not here yet.
        installed: whether a module is.
        supported: the kinds of device that bitsandbytes computes on.
    """
    found = [*_quantization(spec, kind, config, installed, supported), *_attention(spec, kind, installed)]
    return [Finding(level, "local", f"{spec.model_name}: {message}") for level, message in found]


def _quantization(
    spec: LocalModelSpec,
    kind: str,
    config: Mapping[str, Any],
    installed: Callable[[str], bool],
    supported: Callable[[], frozenset[str]],
) -> Iterator[tuple[Level, str]]:
    stored = (config.get("quantization_config") or {}).get("quant_method", "")
    if spec.quantization and stored and stored != "bitsandbytes":
        message = f"its weights are quantized already ({stored}), and quantization: {spec.quantization} cannot be laid "
        yield Level.PROBLEM, f"{message}over that. Leave quantization out."
        return
    if not spec.quantization and stored != "bitsandbytes":
        return
    asked = f"quantization: {spec.quantization}" if spec.quantization else "what its weights are quantized with"
    way_out = "leave quantization out" if spec.quantization else "choose weights that are not quantized"
    missing = [name for name in ("bitsandbytes", "accelerate") if not installed(name)]
    if missing:
        packages = " and ".join(missing)
        message = f"{asked} needs {packages}, not installed here: `pip install bitsandbytes accelerate`, or {way_out}."
        yield Level.PROBLEM, message
    elif kind not in supported():
        message = f"{asked} does not work on {kind} with the bitsandbytes that is installed. Update it, choose another "
        yield Level.PROBLEM, f"{message}device, or {way_out}."
    elif kind == "cpu":
        message = f"{asked} on a CPU saves memory and costs time. With `dtype: bfloat16` instead the weights take half."
        yield Level.WARNING, message


def _attention(spec: LocalModelSpec, kind: str, installed: Callable[[str], bool]) -> Iterator[tuple[Level, str]]:
    wanted = spec.attn_implementation
    if wanted is None:
        return
    asked, way_out = f"attn_implementation: {wanted}", "leave attn_implementation out"
    if wanted in _FLASH:
        module, package = _FLASH[wanted]
        if kind != "cuda":
            yield Level.PROBLEM, f"{asked} works on CUDA only, and the model goes to {kind}: {way_out}."
        elif not installed(module) and not installed("kernels"):
            message = f"{asked} needs {package}, not installed here: `pip install {package} --no-build-isolation`"
            yield Level.PROBLEM, f"{message} (or `pip install kernels`, which fetches it built), or {way_out}."
        if spec.dtype == "float32":
            yield Level.PROBLEM, f"{asked} does not compute in float32. Set dtype: bfloat16, or {way_out}."
    elif "/" in wanted:
        if not installed("kernels"):
            message = f"{asked} is a kernel on the Hugging Face Hub, for which `kernels` is not installed: "
            yield Level.PROBLEM, f"{message}`pip install kernels`, or {way_out}."
    elif wanted.removeprefix("paged|") not in _ATTENTION:
        yield Level.WARNING, f"{asked} is none that is known here ({', '.join(_ATTENTION)}); the load may refuse it."
