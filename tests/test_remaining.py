"""What of a plan a journal has already."""

from __future__ import annotations

import pytest

from harness.config import RunConfig, expand
from harness.digests import DigestSet
from harness.journal import Scan
from harness.plan import requests_for
from harness.remaining import remaining
from harness.schema import Prompt

PROMPTS = [Prompt(f"p{index}", f"question {index}") for index in range(5)]


@pytest.fixture
def lanes():
    models = [{"name": "m", "type": "openai", "temperature": [0.0, 0.7], "repeats": 2}]
    return expand(RunConfig.model_validate({"models": models}))


def _scan(done: list[bytes], failed: list[bytes]) -> Scan:
    return Scan(
        records=len(done) + len(failed),
        successes=len(done),
        failures=len(failed),
        duplicates=0,
        done=DigestSet.of(b"".join(done)),
        failed=DigestSet.of(b"".join(failed)),
        end=0,
        torn=0,
    )


@pytest.fixture
def items(lanes):
    return [bytes.fromhex(request.item_id) for request in requests_for(lanes[0].variant, lanes[0].seed, PROMPTS)]


def test_nothing_is_done_of_a_new_plan(lanes):
    there = remaining(lanes, PROMPTS, 5, _scan([], []))

    assert [there.of(name) for name in ("m@0.0", "m@0.7")] == [10, 10]


def test_failed_items_are_still_to_be_sent(lanes, items):
    there = remaining(lanes, PROMPTS, 5, _scan(items[:3], items[3:5]))

    assert (there.done["m@0.0"], there.left_alone["m@0.0"], there.of("m@0.0")) == (3, 0, 7)
    assert items[3] not in there.skip


def test_unless_they_are_to_be_left_alone(lanes, items):
    there = remaining(lanes, PROMPTS, 5, _scan(items[:3], items[3:5]), retry_failed=False)

    assert (there.done["m@0.0"], there.left_alone["m@0.0"], there.of("m@0.0")) == (3, 2, 5)
    assert items[3] in there.skip
    assert there.of("m@0.7") == 10


def test_failures_of_another_plan_do_not_count(lanes):
    there = remaining(lanes, PROMPTS, 5, _scan([b"x" * 16], [b"y" * 16]), retry_failed=False)

    assert there.of("m@0.0") == 10
