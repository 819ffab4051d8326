from __future__ import annotations

import asyncio
import json
import threading

import pytest

from harness.errors import UsageError
from harness.local.replay.comparison import Comparison
from harness.local.status import LocalStatus
from harness.local.worker.fake import FakeEngine
from harness.verify import Replay, draw, progress_line, verify_command
from harness.verify_report import Outcome


def records_of(variant: str, count: int, **facts):
    return [
        {"item_id": f"{variant}-{n}", "variant": variant, "provider": "local", "error": None, **facts}
        for n in range(count)
    ]


def ids(records):
    return [record["item_id"] for record in records]


def test_the_sample_is_spread_evenly_over_the_variants():
    drawn = draw([*records_of("a", 50), *records_of("b", 5), *records_of("c", 50)], 15, 0)

    assert [record["variant"] for record in drawn] == ["a"] * 5 + ["b"] * 5 + ["c"] * 5


def test_what_a_small_variant_lacks_the_others_give():
    drawn = draw([*records_of("a", 50), *records_of("b", 2)], 10, 0)

    assert [record["variant"] for record in drawn] == ["a"] * 8 + ["b"] * 2


def test_a_sample_larger_than_the_journal_is_all_of_it_once():
    assert sorted(ids(draw(records_of("a", 7), 100, 0))) == sorted(ids(records_of("a", 7)))


def test_the_seed_draws_and_the_order_of_the_journal_does_not_matter():
    records = records_of("a", 200)

    assert ids(draw(records, 10, 0)) == ids(draw(records[::-1], 10, 0))
    assert ids(draw(records, 10, 0)) != ids(draw(records, 10, 1))


def test_a_larger_sample_holds_the_smaller_one():
    records = records_of("a", 200)

    assert ids(draw(records, 20, 3))[:10] == ids(draw(records, 10, 3))


def test_failures_and_apis_are_left_out_and_the_demo_is_not():
    records = [
        *records_of("failed", 3, error="It broke."),
        *records_of("api", 3, provider="claude"),
        *records_of("demo", 3, simulated=True),
    ]

    assert {record["variant"] for record in draw(records, 10, 0)} == {"demo"}


def test_two_records_of_one_item_are_drawn_like_any_others():
    records = [*records_of("a", 3), *records_of("a", 3, full_response="once more")]

    assert sorted(ids(draw(records, 6, 0))) == sorted(ids(records))
    assert len(draw(records, 2, 0)) == 2


def asked_again(local_record, count):
    """So many records of the demo model's weights."""
    return [{**local_record, "item_id": f"i{n}", "prompt_id": f"p{n}"} for n in range(count)]


async def test_of_other_weights_one_answer_is_made_at_most(local_record):
    engines = []
    replay = Replay(make_engine=lambda spec: engines.append(FakeEngine(spec)) or engines[-1])

    outcomes = await replay.run(asked_again(local_record, 4))

    assert engines[0].history == [("p0",)]
    assert ["not those of the record" in outcome.reason for outcome in outcomes] == [True] * 4


async def test_the_event_loop_goes_on_while_the_thread_ends(local_record):
    loop, asked_to_end, may_end = asyncio.get_running_loop(), threading.Event(), threading.Event()

    class SlowToFree(FakeEngine):
        def unload(self):
            assert asked_to_end.wait(4.0)
            # Only a loop that runs lets it go on.
            loop.call_soon_threadsafe(may_end.set)
            assert may_end.wait(4.0)
            self.log.append("freed")

    log = []
    replay = Replay(make_engine=lambda spec: SlowToFree(spec, log))
    stop = replay._worker.stop
    replay._worker.stop = lambda: (stop(), asked_to_end.set())

    await replay.run(asked_again(local_record, 1))

    assert log[-1] == "freed"


def test_a_folder_without_a_journal_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no results\.jsonl"):
        verify_command(tmp_path, sample=1, seed=0, device=None, trust_remote_code=False, as_json=False)


def test_a_folder_without_local_answers_is_refused(tmp_path):
    line = {"item_id": "ab" * 16, "variant": "api", "provider": "claude", "error": None}
    (tmp_path / "results.jsonl").write_text(json.dumps(line) + "\n")

    with pytest.raises(UsageError, match="no answers of local models"):
        verify_command(tmp_path, sample=1, seed=0, device=None, trust_remote_code=False, as_json=False)


def test_a_device_that_is_no_device_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--device toaster"):
        verify_command(tmp_path, sample=1, seed=0, device="toaster", trust_remote_code=False, as_json=False)


def test_while_it_takes_long_it_says_how_far_it_is():
    other = Comparison(5, 4, None, None, same_text=False, deltas=(), changed={})
    done = [Outcome("v", "i1", "p1", 0, other), Outcome("v", "i2", "p2", 0, reason="no weights")]

    assert progress_line(LocalStatus("cpu", model="big", state="loading"), [], 9) == "loading big"
    assert progress_line(LocalStatus("cpu", model="big", state="generating"), done, 9) == "2 of 9 replayed, 1 differ"
