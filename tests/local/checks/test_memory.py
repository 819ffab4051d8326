from __future__ import annotations

import pytest

from harness.findings import Level
from harness.local.capacity import MAIN, Room
from harness.local.checks import memory
from harness.local.checks.memory import Load, judge, judge_passage, load_of
from harness.local.spec import LocalModelSpec

GB = 10**9
SPEC = LocalModelSpec("org/name")
SEVEN_BILLION = {"BF16": 7 * GB}


@pytest.mark.parametrize(
    ("options", "device", "gigabytes"),
    [
        ({}, "cpu", 28.0),
        ({}, "cuda", 14.0),
        ({"dtype": "float32"}, "cuda", 28.0),
        ({"dtype": "bfloat16"}, "cpu", 14.0),
        ({"quantization": "int8"}, "cuda", 7.0),
        ({"quantization": "int4"}, "cuda", 3.99),
    ],
)
def test_weights_are_counted_as_they_will_be_in_memory(options, device, gigabytes):
    load = load_of(SEVEN_BILLION, LocalModelSpec("org/name", **options), device)

    assert load.weights == pytest.approx(gigabytes * GB)


def test_numbers_that_are_quantized_already_keep_their_size():
    assert load_of({"I32": 100, "U8": 10, "F16": 1}, SPEC, "cpu").weights == 400 + 10 + 4


def test_the_cache_is_in_the_number_format_of_the_computation():
    assert load_of(SEVEN_BILLION, SPEC, "cpu", 100).row == 400
    assert load_of(SEVEN_BILLION, LocalModelSpec("org/name", quantization="int8"), "cuda", 100).row == 200


def test_what_fits_is_fine_and_said_in_numbers():
    found = judge("m", Load(14 * GB, "bfloat16", GB // 10, 16), Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.OK
    assert "14.0 GB as bfloat16" in found.message
    assert "20.0 GB of 24.0 GB are free on cuda:0" in found.message


def test_weights_that_never_fit_are_a_problem_with_a_way_out():
    on_gpu, in_memory = Room(20 * GB, 24 * GB, "on cuda:0"), Room(20 * GB, 24 * GB, MAIN)
    found = judge("m", Load(28 * GB, "float32"), on_gpu)

    assert found.level is Level.PROBLEM
    assert "dtype: bfloat16" in found.message
    assert "quantization" in judge("m", Load(28 * GB, "bfloat16"), on_gpu).message
    huge = Load(10**18, "bfloat16")
    assert "quantization" not in judge("m", huge, in_memory).message


def test_weights_that_do_not_fit_now_are_a_warning():
    found = judge("m", Load(14 * GB, "bfloat16"), Room(8 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.WARNING
    assert "End what uses it" in found.message


def test_answers_that_do_not_fit_beside_the_weights_name_the_slots_that_do():
    found = judge("m", Load(14 * GB, "bfloat16", GB, 16), Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.WARNING
    assert "`slots: 6`" in found.message


def test_slots_that_are_left_to_the_memory_are_as_many_as_the_longest_answers_leave_room_for():
    load = Load(14 * GB, "bfloat16", GB, 128, fits_itself=True)

    found = judge("m", load, Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.OK
    assert "room for 4 of the longest answers at a time, up to 1.0 GB each" in found.message


def test_in_main_memory_half_of_what_is_free_is_left_to_others():
    load = Load(14 * GB, "float32", GB, 16, fits_itself=True)

    assert "room for 3 " in judge("m", load, Room(20 * GB, 24 * GB, MAIN)).message


def test_there_are_never_more_slots_than_pay_on_the_device():
    load = Load(GB, "bfloat16", 1000, 128, fits_itself=True)

    assert "room for 128 " in judge("m", load, Room(20 * GB, 24 * GB, "on cuda:0")).message


def test_a_longest_answer_that_has_no_room_even_alone_is_a_warning():
    load = Load(19 * GB, "bfloat16", 2 * GB, 128, fits_itself=True)

    found = judge("m", load, Room(20 * GB, 24 * GB, "on cuda:0"))

    assert found.level is Level.WARNING
    assert "smaller max_tokens" in found.message


@pytest.mark.parametrize(
    ("spec", "slots", "fits_itself"),
    [
        (LocalModelSpec("m", device="cpu"), 16, True),
        (LocalModelSpec("m", device="cuda:1"), 128, True),
        (LocalModelSpec("m", device="cuda:1", slots=32), 32, False),
    ],
)
def test_a_number_of_slots_is_kept_and_auto_is_what_pays_at_most(spec, slots, fits_itself):
    load = load_of(SEVEN_BILLION, spec, "cpu", 100)

    assert (load.slots, load.fits_itself) == (slots, fits_itself)


def test_weights_for_a_gpu_that_do_not_fit_into_main_memory_need_accelerate(monkeypatch):
    monkeypatch.setattr(memory.importlib.util, "find_spec", lambda name: None)
    load = Load(14 * GB, "bfloat16")

    assert judge_passage("m", load, Room(16 * GB, 16 * GB, MAIN)) is None
    assert "accelerate" in judge_passage("m", load, Room(8 * GB, 16 * GB, MAIN)).message
    monkeypatch.setattr(memory.importlib.util, "find_spec", lambda name: object())
    assert judge_passage("m", load, Room(8 * GB, 16 * GB, MAIN)) is None
