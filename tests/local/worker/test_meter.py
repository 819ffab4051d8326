from __future__ import annotations

import pytest

from harness.local.status import LoadInfo, OutOfMemory
from harness.local.worker.meter import Meter, TokenRate

INFO = LoadInfo("m", "v1", "cpu", "float32", "continuous", "sdpa", 2_800_000, 2048, slots=16)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def meter(clock):
    return Meter("auto", clock)


@pytest.fixture
def loaded(meter, clock):
    meter.loading("m", slots=128)
    clock.now += 3.0
    meter.loaded(INFO)
    return meter


def test_a_load_shows_its_seconds_at_once_and_its_bytes_when_they_are_known(meter, clock):
    meter.loading("m", slots=128)
    clock.now += 1.5
    before = meter.status(queued=7)
    meter.weighs(2_700_000)
    after = meter.status(queued=7)

    assert (before.state, before.model, before.loaded_seconds, before.weight_bytes) == ("loading", "m", 1.5, None)
    assert (after.weight_bytes, after.queued, after.slots) == (2_700_000, 7, 128)


def test_what_was_loaded_tells_how_long_that_took(loaded):
    status = loaded.status(queued=0)

    assert (status.state, status.device, status.slots) == ("idle", "cpu", 16)
    assert (status.loaded_seconds, status.weight_bytes) == (3.0, 2_800_000)
    assert loaded.loads()[0].seconds == 3.0


def test_reading_and_generating_have_a_rate_each(loaded, clock):
    loaded.begins(rows=4, slots=16)
    clock.now += 1.0
    loaded.prefilled(500, 0.25)
    loaded.stepped(4, 0.01)

    status = loaded.status(queued=0)

    assert (status.prefill_tokens_per_second, status.tokens_per_second) == (500.0, 4.0)


def test_between_batches_nothing_is_generated_and_nothing_set_aside(loaded, clock):
    loaded.begins(rows=4, slots=16)
    clock.now += 1.0
    loaded.stepped(4, 0.01)
    loaded.keeps(5000)

    loaded.ends()
    status = loaded.status(queued=0)

    assert (status.state, status.rows, status.kv_bytes, status.tokens_per_second) == ("idle", 0, 0, 0.0)


def test_a_model_that_is_loaded_twice_has_its_totals_added_up(loaded, clock):
    loaded.stepped(4, 0.5)
    loaded.keeps(5000)
    loaded.freed()
    loaded.loading("m", slots=128)
    clock.now += 2.0
    loaded.loaded(INFO)
    loaded.stepped(2, 0.5)
    loaded.keeps(3000)

    totals = loaded.totals()["m"]

    assert (totals.loads, totals.load_seconds) == (2, 5.0)
    assert (totals.steps, totals.generated_tokens, totals.most_kv_bytes) == (2, 6, 5000)


def test_first_tokens_that_come_with_reading_prompts_are_generated_too(loaded):
    loaded.prefilled(90, 0.1, first_tokens=3)
    loaded.stepped(3, 0.1)

    totals = loaded.totals()["m"]

    assert (totals.prompt_tokens, totals.generated_tokens, totals.mean_rows) == (90, 6, 3.0)


def test_a_model_whose_load_failed_has_no_totals(meter):
    meter.loading("m", slots=128)
    meter.freed()

    assert meter.totals() == {}
    assert meter.status(queued=0).model is None


def test_what_was_read_does_not_change_afterwards(loaded):
    before = loaded.totals()["m"]

    loaded.stepped(4, 0.5)

    assert before.steps == 0


def test_only_halvings_count_as_such(loaded):
    for before, after in ((16, 8), (8, 4), (1, 16)):
        loaded.ran_out(OutOfMemory("m", before, before, after, "no room"))

    assert loaded.totals()["m"].halvings == 2
    assert len(loaded.shortages()) == 3


def test_a_rate_is_shown_from_the_first_step_on():
    now = [0.0]
    rate = TokenRate(lambda: now[0])

    now[0] = 0.1
    rate.add(16)

    assert rate.value == 160.0


def test_a_rate_forgets_what_is_older_than_its_window():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    for _ in range(10):
        now[0] += 0.1
        rate.add(1000)
    for _ in range(21):
        now[0] += 0.1
        rate.add(1)

    assert abs(rate.value - 10.0) < 0.5


def test_a_rate_fades_once_nothing_more_comes():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    now[0] = 1.0
    rate.add(1000)

    now[0] = 3.0
    assert rate.value == 1000.0
    now[0] = 3.1
    assert rate.value == 0.0


def test_a_rate_of_steps_slower_than_its_window_does_not_fade_between_them():
    now = [0.0]
    rate = TokenRate(lambda: now[0], window_s=1.0)
    now[0] = 4.0
    rate.add(16)

    now[0] = 11.0

    assert rate.value == 4.0


def test_a_reset_begins_at_nothing():
    now = [0.0]
    rate = TokenRate(lambda: now[0])
    now[0] = 1.0
    rate.add(5)

    rate.reset()

    assert rate.value == 0.0
