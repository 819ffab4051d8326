from __future__ import annotations

import pytest

from harness.findings import Level
from harness.local.checks.extras import bitsandbytes_devices, is_installed, lacking
from harness.local.spec import LocalModelSpec

STORED_IN_4_BIT = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}


def look(kind="cuda", config=None, packages=(), supported=("cuda",), **options):
    return lacking(
        LocalModelSpec("m", **options),
        kind,
        config or {},
        installed=lambda module: module in packages,
        supported=lambda: frozenset(supported),
    )


def problem(**look_for):
    [found] = look(**look_for)
    assert found.level is Level.PROBLEM
    return found.message


BOTH = ("bitsandbytes", "accelerate")


def test_a_model_that_asks_for_nothing_lacks_nothing():
    assert look() == look(attn_implementation="sdpa") == look(kind="cpu", attn_implementation="eager") == []


@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_quantization_without_its_packages_names_how_to_install_them(quantization):
    message = problem(quantization=quantization)

    assert f"m: quantization: {quantization} needs bitsandbytes and accelerate" in message
    assert "`pip install bitsandbytes accelerate`" in message


def test_only_the_package_that_is_missing_is_missed():
    assert "needs accelerate, not" in problem(quantization="int8", packages=("bitsandbytes",))


def test_weights_that_are_stored_quantized_need_the_packages_too():
    assert "`pip install bitsandbytes accelerate`" in problem(config=STORED_IN_4_BIT)
    assert look(config=STORED_IN_4_BIT, packages=BOTH) == []


def test_quantization_on_a_device_that_the_package_does_not_compute_on_is_a_problem():
    message = problem(kind="cpu", quantization="int4", packages=BOTH)

    assert "does not work on cpu" in message
    assert "leave quantization out" in message


def test_quantization_on_a_cpu_that_can_is_slow():
    [found] = look(kind="cpu", quantization="int4", packages=BOTH, supported=("cpu", "cuda"))

    assert found.level is Level.WARNING
    assert "dtype: bfloat16" in found.message


def test_a_second_quantization_over_another_is_a_problem():
    stored = {"quantization_config": {"quant_method": "gptq", "bits": 4}}

    assert "quantized already (gptq)" in problem(config=stored, quantization="int8", packages=BOTH)
    assert look(config=stored) == []


def test_flash_attention_without_its_package_names_how_to_install_it_or_do_without():
    message = problem(attn_implementation="flash_attention_2")

    assert "`pip install flash-attn --no-build-isolation`" in message
    assert "leave attn_implementation out" in message


@pytest.mark.parametrize("package", ["flash_attn", "kernels"])
def test_flash_attention_is_taken_from_either_package(package):
    assert look(attn_implementation="flash_attention_2", packages=(package,)) == []


@pytest.mark.parametrize("kind", ["cpu", "mps"])
def test_flash_attention_works_on_cuda_only(kind):
    assert f"goes to {kind}" in problem(kind=kind, attn_implementation="flash_attention_2", packages=("flash_attn",))


def test_flash_attention_does_not_compute_in_float32():
    message = problem(attn_implementation="flash_attention_2", dtype="float32", packages=("flash_attn",))

    assert "dtype: bfloat16" in message


def test_a_kernel_of_the_hub_needs_the_package_that_fetches_it():
    assert "`pip install kernels`" in problem(attn_implementation="kernels-community/flash-attn3")


def test_an_attention_that_is_not_known_is_a_warning_that_names_those_that_are():
    [found] = look(attn_implementation="flash")

    assert found.level is Level.WARNING
    assert "flash_attention_2" in found.message


def test_a_package_is_looked_for_without_importing_it():
    assert is_installed("torch")
    assert not is_installed("no_such_package_anywhere")


def test_a_bitsandbytes_that_cannot_be_imported_computes_nowhere(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)

    assert bitsandbytes_devices() == frozenset()
