"""What an earlier invocation sent is counted by the pools of the next one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from harness.config import PoolSettings, RunConfig, expand
from harness.limits import RatePool
from harness.seeding import last_minute, seed_pools

CONFIG = RunConfig.model_validate(
    {
        "models": [
            {"name": "m", "type": "openai", "temperature": [0.0, 0.7], "pool": "shared"},
            {"name": "sibling", "type": "openai", "pool": "shared"},
            {"name": "stranger", "type": "openai"},
        ],
        "pools": {"shared": {}},
    }
)


@pytest.fixture
def lanes():
    return expand(CONFIG)[:2]


@pytest.fixture
def events(tmp_path):
    def write(*told: dict) -> None:
        lines = [
            json.dumps({**facts, "time": (datetime.now(UTC) - timedelta(seconds=facts.pop("ago"))).isoformat()})
            for facts in told
        ]
        (tmp_path / "events.jsonl").write_text("".join(line + "\n" for line in lines))

    return write


def _admitted_at_once(run_virtually, lanes, tmp_path, rpm: float = 12.0) -> int:
    """How many requests a resumed pool of eight slots lets out within a second."""

    async def main() -> int:
        pool, admitted = RatePool(8, rpm, 12), 0
        settings = dict.fromkeys(("m@0.0", "m@0.7"), PoolSettings(8, 12, rpm))
        seed_pools([(pool, lanes)], last_minute([tmp_path], settings), CONFIG)
        with anyio.move_on_after(1):
            while True:
                pool.release(await pool.acquire())
                admitted += 1
        return admitted

    return run_virtually(main())


def test_a_new_folder_grants_the_whole_burst(run_virtually, lanes, tmp_path):
    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 12


def test_a_run_that_was_killed_before_its_first_answer_may_have_sent_as_many_as_it_had_slots(
    run_virtually, lanes, tmp_path, events
):
    events({"event": "begin", "ago": 3})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 4


def test_what_an_interrupt_cut_off_counts(run_virtually, lanes, tmp_path, events):
    events({"event": "begin", "ago": 9}, {"event": "end", "cut": {"m@0.0": 5, "m@0.7": 3, "other": 4}, "ago": 3})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 4


def test_a_run_that_ended_by_itself_cut_nothing_off(run_virtually, lanes, tmp_path, events):
    events({"event": "begin", "ago": 9}, {"event": "end", "ago": 3})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 12


def test_a_cap_below_one_a_minute_remembers_longer(run_virtually, lanes, tmp_path, events):
    events({"event": "retry", "variant": "m@0.0", "ago": 100}, {"event": "end", "ago": 99})

    assert _admitted_at_once(run_virtually, lanes, tmp_path, rpm=0.5) == 0


def test_every_kill_within_the_window_may_have_cut_off_as_many(run_virtually, lanes, tmp_path, events):
    events(
        {"event": "begin", "ago": 50},
        {"event": "begin", "ago": 40},
        {"event": "retry", "variant": "stranger@0.0", "ago": 35},
    )

    # Two kills of eight slots are more than the cap of twelve.
    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 0


def test_what_was_sent_with_another_temperature_or_for_a_model_left_out_this_time_counts(
    run_virtually, lanes, tmp_path, events
):
    sent = [{"event": "retry", "variant": name, "ago": 9} for name in ("m@0.3", "sibling@default", "stranger@default")]
    events(*sent, {"event": "end", "ago": 3})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 10


def test_a_kill_of_yesterday_cuts_no_burst(run_virtually, lanes, tmp_path, events):
    events({"event": "begin", "ago": 90_000}, {"event": "retry", "variant": "m@0.0", "ago": 80_000})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 12


def test_what_is_still_on_its_way_when_the_next_one_begins_counts_from_there(run_virtually, lanes, tmp_path, events):
    events({"event": "begin", "ago": 200}, {"event": "begin", "ago": 10}, {"event": "end", "ago": 5})

    assert _admitted_at_once(run_virtually, lanes, tmp_path) == 4
