from __future__ import annotations

import pytest

from harness.local import devices
from harness.local.placement import auto_devices, place
from harness.local.spec import LocalModelSpec

GPUS = ("cuda:0", "cuda:1")
SIZES = {"large": 28, "middle": 15, "small": 8}


def model(name, **options):
    return LocalModelSpec(name, **options)


def devices_of(*specs, here=GPUS, size=lambda spec: SIZES[spec.model_name]):
    return [there.device for there in place(specs, here, size).values()]


def not_asked(spec):
    pytest.fail(f"asked for the size of {spec.model_name}")


def test_each_model_goes_where_there_is_the_least_to_work_with_so_far():
    assert devices_of(model("large"), model("middle"), model("small")) == ["cuda:0", "cuda:1", "cuda:1"]


def test_models_of_one_size_take_turns_from_the_first_device_on():
    assert devices_of(*(model(name) for name in "abcd"), size=lambda _: 7) == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]


def test_where_one_size_is_not_known_all_count_alike():
    def size(spec):
        return SIZES.get(spec.model_name)

    assert devices_of(model("large"), model("middle"), model("?"), size=size) == ["cuda:0", "cuda:1", "cuda:0"]


def test_models_that_name_a_device_are_placed_first():
    specs = [model("small"), model("middle", device="cuda:0"), model("large", device="cpu")]

    assert devices_of(*specs) == ["cuda:1", "cuda:0", "cpu"]


def test_cuda_is_the_first_cuda_device_and_shares_its_thread_and_weights():
    placed = place([model("a", device="cuda"), model("a", device="cuda:0")], (), not_asked)

    assert set(placed.values()) == {model("a", device="cuda:0")}


def test_the_same_weights_are_not_loaded_on_two_devices_where_one_may_be_chosen():
    specs = [model("small"), model("small", device="cuda:1"), model("middle")]

    assert devices_of(*specs) == ["cuda:1", "cuda:1", "cuda:0"]


def test_variants_of_the_same_weights_stay_together():
    placed = place([model("small"), model("small"), model("middle")], GPUS, lambda spec: 1)

    assert [there.device for there in placed.values()] == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize("here", [("cuda:0",), ("mps",), ("cpu",)])
def test_on_a_machine_with_one_device_all_go_there_and_no_size_is_asked_for(here):
    assert devices_of(model("a"), model("b"), here=here, size=not_asked) == [*here, *here]


def test_another_model_at_the_end_moves_none_of_those_before():
    before = [model("large"), model("middle")]

    assert devices_of(*before, model("small"))[:2] == devices_of(*before)


def test_torch_is_not_asked_for_devices_where_every_model_names_its_own(monkeypatch):
    monkeypatch.setattr(devices, "devices_for_auto", lambda: pytest.fail("asked"))

    assert auto_devices([model("a", device="cpu"), model("b", device="cuda:1")]) == ()


def test_auto_may_be_any_of_the_cuda_devices(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert auto_devices([model("a"), model("b", device="cpu")]) == GPUS
