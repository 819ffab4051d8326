from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from harness.cluster.fake import FakeReplica
from harness.cluster.replica import NoRoomError, ReplicaLostError, ReplicaReport
from harness.errors import LaneError, ModelUnavailable, TransientError
from harness.local.status import LoadInfo, LocalStatus, OutOfMemory

FULL = NoRoomError("for 60 s the cluster had no room for it: free is CPU 1.")
LOST = ReplicaLostError("it never ran")
OTHER_VERSION = ModelUnavailable("The node has another version.", sent=False)
LOAD = LoadInfo("m", "abc", "cpu", "float32", "continuous", "sdpa", 1000, 2048)
SHORTAGE = OutOfMemory("m", rows=4, slots_before=4, slots=2, reason="no room")


def test_a_place_is_given_up_after_three_deaths_in_a_row(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(count=2)
        made.launch.enqueue(LOST, None, LOST, LOST)
        answers = await texts(made.ask(make_requests(1)))
        await asyncio.sleep(60)
        up = [member.number for member in made.group.members]
        await made.aclose()
        return answers, up, made.launch.asked, made.told("replica_lost")

    answers, up, launched, losses = run_virtually(main())
    assert (answers, up, launched) == (["question 0"], [2], 4)
    assert [lost.note for lost in losses] == [
        "m: replica 1 was lost and is replaced: it never ran",
        "m: replica 1 was lost and is replaced: it never ran",
        "m: replica 1 was lost and is not replaced: it never ran",
    ]
    assert {(lost.node, lost.pid, lost.held) for lost in losses} == {(None, None, 0)}


def test_when_no_place_is_left_all_who_wait_and_come_later_hear_why(run_virtually, bench, make_requests):
    async def main():
        made = bench(count=2)
        made.launch.enqueue(*[LOST] * 6)
        errors = await asyncio.gather(*made.ask(make_requests(3)), return_exceptions=True)
        errors += await asyncio.gather(*made.ask(make_requests(1)), return_exceptions=True)
        await asyncio.sleep(60)
        return errors, made.launch.asked, asyncio.all_tasks() - {asyncio.current_task()}

    errors, launched, left = run_virtually(main())
    told = (ModelUnavailable, "The replicas died too often, the last one of this: it never ran")
    assert [(type(error), str(error)) for error in errors] == [told] * 4
    assert launched == 6
    assert left == set()


def test_a_place_whose_replicas_die_five_times_in_ten_minutes_is_given_up(run_virtually, bench, make_requests):
    async def main():
        made = bench()
        for request in make_requests(5):
            await made.group.answer(request)
            await asyncio.sleep(60)
            made.launch.made[-1].die("kill -9")
            await asyncio.sleep(5)
        with pytest.raises(ModelUnavailable, match=r"died too often, the last one of this: kill -9"):
            await made.group.answer(make_requests(1)[0])
        return made.launch.asked

    assert run_virtually(main()) == 5


def test_over_a_long_night_replicas_may_come_and_go(run_virtually, bench, make_requests):
    async def main():
        made, answered = bench(), 0
        for request in make_requests(30):
            answered += (await made.group.answer(request)).text.startswith("question")
            await asyncio.sleep(200)
            made.launch.made[-1].die("its node went")
            await asyncio.sleep(5)
        await made.aclose()
        return answered, made.launch.asked

    assert run_virtually(main()) == (30, 31)


def test_where_there_is_no_room_and_no_other_replica_all_hear_what_is_free(run_virtually, bench, make_requests):
    async def main():
        made = bench(count=2)
        made.launch.enqueue(FULL, FULL)
        errors = await asyncio.gather(*made.ask(make_requests(2)), return_exceptions=True)
        return errors, made.launch.asked, [incident.kind for incident in made.incidents]

    errors, launched, kinds = run_virtually(main())
    assert [(type(error), str(error)) for error in errors] == [(ModelUnavailable, str(FULL))] * 2
    assert launched == 2
    assert kinds == ["replica_lost", "replica_lost"]


def test_a_replica_waits_for_room_while_another_one_is_there(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(count=2)
        made.launch.enqueue(None, FULL, FULL)
        answers = await texts(made.ask(make_requests(1)))
        await asyncio.sleep(60)
        up = [member.number for member in made.group.members]
        await made.aclose()
        return answers, up, [(incident.kind, incident.number, incident.note) for incident in made.incidents]

    answers, up, told = run_virtually(main())
    assert answers == ["question 0"]
    assert up == [1, 2]
    assert told == [
        ("replica_up", 1, None),
        ("replica_waits", 2, None),
        ("replica_waits", 2, None),
        ("replica_up", 2, None),
    ]


def test_who_waits_for_room_gives_up_when_the_last_one_beside_it_is_gone(run_virtually, bench, make_requests):
    async def main():
        made, broken = bench(count=2, capacity=1), FakeReplica(1, latency_s=30.0)
        broken.enqueue(LaneError("CUDA failed."))
        made.launch.enqueue(broken, *[FULL] * 100)
        errors = await asyncio.gather(*made.ask(make_requests(2)), return_exceptions=True)
        await made.aclose()
        return errors

    assert [str(error) for error in run_virtually(main())] == [str(FULL)] * 2


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OTHER_VERSION, "The node has another version."),
        (ValueError("odd options"), "A replica could not be kept: ValueError: odd options"),
    ],
)
def test_a_replica_that_can_never_run_is_told_and_the_others_work_on(
    run_virtually, bench, make_requests, texts, error, why
):
    async def main():
        made = bench(count=2)
        made.launch.enqueue(error)
        answers = await texts(made.ask(make_requests(2)))
        await asyncio.sleep(60)
        await made.aclose()
        return answers, made.launch.asked, [lost.note for lost in made.told("replica_lost")]

    answers, launched, notes = run_virtually(main())
    assert (answers, launched) == (["question 0", "question 1"], 2)
    assert notes == [f"m: replica 1 was lost and is not replaced: {why}"]


@pytest.mark.parametrize("error", [OTHER_VERSION, ValueError("odd options")])
def test_where_none_can_ever_run_all_hear_why(run_virtually, bench, make_requests, error):
    async def main():
        made = bench()
        made.launch.enqueue(error)
        with pytest.raises(ModelUnavailable, match=str(error)):
            await made.group.answer(make_requests(1)[0])

    run_virtually(main())


def test_a_replica_that_is_lost_between_two_requests_is_replaced_before_the_next(
    run_virtually, bench, make_requests, texts
):
    async def main():
        made = bench()
        await texts(made.ask(make_requests(1)))
        made.launch.made[0].die("kill -9")
        await asyncio.sleep(5)
        up = [member.replica for member in made.group.members]
        await made.aclose()
        return up == made.launch.made[1:], [incident.kind for incident in made.incidents]

    assert run_virtually(main()) == (True, ["replica_up", "replica_lost", "replica_up"])


def test_a_replica_that_hangs_is_taken_to_be_lost_after_ten_minutes(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench()
        await texts(made.ask(make_requests(1)))
        made.launch.made[0].report_takes_s = 3600.0
        await asyncio.sleep(599)
        before = made.told("replica_lost")
        await asyncio.sleep(20)
        (lost,) = made.told("replica_lost")
        await made.aclose()
        return before, lost.reason

    assert run_virtually(main()) == ([], "it has not said how it is for 10 minutes")


def test_a_replica_that_is_too_busy_to_say_how_it_is_stays(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench()
        await texts(made.ask(make_requests(1)))
        [replica] = made.launch.made
        replica.report_takes_s = 600.0
        replica.enqueue_reports(TransientError("it was busy"))
        await asyncio.sleep(500)
        replica.report_takes_s = 0.0
        await asyncio.sleep(60)
        replica.report_takes_s = 600.0
        await asyncio.sleep(500)
        answers = await texts(made.ask(make_requests(1)))
        began = asyncio.get_running_loop().time()
        await made.aclose()
        return answers, len(made.launch.made), asyncio.get_running_loop().time() - began

    answers, launched, took = run_virtually(main())
    assert (answers, launched) == (["question 0"], 1)
    assert took < 6


def test_a_report_that_fails_is_asked_for_again(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench()
        replica = FakeReplica()
        replica.enqueue_reports(TransientError("it was busy"))
        replica.told = ReplicaReport(LocalStatus("cpu", "m", "generating", rows=3))
        made.launch.enqueue(replica)
        await texts(made.ask(make_requests(1)))
        await asyncio.sleep(3)
        report = made.group.members[0].report
        await made.aclose()
        return report

    assert run_virtually(main()).status.rows == 3


def test_loads_and_shortages_stay_the_same_objects_and_outlive_their_replica(
    run_virtually, bench, make_requests, texts
):
    async def main():
        made = bench()
        await texts(made.ask(make_requests(1)))
        [replica] = made.launch.made
        replica.told = ReplicaReport(LocalStatus("cpu"), (replace(LOAD),), ())
        await asyncio.sleep(2)
        [first] = made.group.ever[0].loads
        replica.told = ReplicaReport(LocalStatus("cpu"), (replace(LOAD), replace(LOAD, seconds=9.0)), (SHORTAGE,))
        await asyncio.sleep(2)
        replica.die()
        await asyncio.sleep(5)
        gone, there = made.group.ever
        await made.aclose()
        return gone.loads[0] is first, [load.seconds for load in gone.loads], gone.shortages, there.loads

    assert run_virtually(main()) == (True, [0.0, 9.0], [SHORTAGE], [])


def test_what_is_being_launched_is_broken_off_when_all_stops(run_virtually, bench, make_requests, texts, settled):
    async def main():
        made = bench(count=2, delay_s=3600.0)
        tasks = made.ask(make_requests(1))
        await settled()
        made.group.stop()
        answers = await texts(tasks)
        await made.aclose()
        return answers, made.launch.made, made.incidents, asyncio.all_tasks() - {asyncio.current_task()}

    assert run_virtually(main()) == (["LaneError"], [], [], set())


def test_closing_waits_for_whoever_asks_how_a_replica_is(run_virtually, bench, make_requests, texts):
    class Slow(FakeReplica):
        async def report(self):
            try:
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.5)

    async def main():
        made = bench()
        made.launch.enqueue(Slow())
        await texts(made.ask(make_requests(1)))
        await asyncio.sleep(1)
        await made.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert run_virtually(main()) == set()
