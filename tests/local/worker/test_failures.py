from __future__ import annotations

import pytest

from harness.errors import LaneError, ModelUnavailable
from harness.local.spec import LocalModelSpec
from harness.local.worker.failures import breaks_the_device, cannot_free, cannot_load

SPEC = LocalModelSpec("org/name")
ASSERT = RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later.")


def test_a_load_that_broke_cuda_says_that_it_takes_another_process():
    error = cannot_load(SPEC, ASSERT)

    assert isinstance(error, ModelUnavailable)
    assert "(CUDA error: device-side assert triggered)" in error.message
    assert "run the same command again" in error.message


@pytest.mark.parametrize(
    "error", [KeyError("rope"), ModelUnavailable("It does not fit (CUDA error: out of memory)."), ImportError("torch")]
)
def test_a_load_that_failed_for_itself_leaves_the_device_to_others(error):
    assert breaks_the_device(ASSERT)
    assert not breaks_the_device(error)


def test_weights_that_stay_in_memory_are_told_with_what_to_do():
    error = cannot_free(SPEC, ASSERT)

    assert type(error) is LaneError
    assert "org/name could not be freed (RuntimeError: CUDA error: device-side assert triggered)" in error.message
    assert "run the same command again" in error.message
    assert "device-side assert" in error.__notes__[0]
