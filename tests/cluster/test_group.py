from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cluster.fake import FakeReplica
from harness.cluster.replica import NoRoomError, ReplicaLostError
from harness.errors import LaneError, ModelUnavailable, RejectedError, TransientError

FULL = NoRoomError("no room")
BROKEN = ModelUnavailable("The weights are not there.", sent=False)
HOURS = 3600.0


def test_nothing_is_launched_until_somebody_asks(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(count=3)
        await asyncio.sleep(60)
        before = made.launch.asked
        answers = await texts(made.ask(make_requests(1)))
        await made.aclose()
        return before, answers, made.launch.asked

    assert run_virtually(main()) == (0, ["question 0"], 3)


def test_a_request_goes_to_the_replica_that_has_the_least_to_do(run_virtually, bench, make_requests, settled):
    async def main():
        made = bench(count=2, capacity=4, held=True)
        await made.all_up()
        tasks = made.ask(make_requests(4))
        await settled()
        first, second = made.launch.made
        shares = len(first.history), len(second.history)
        second.let_go()
        await settled()
        tasks += made.ask(make_requests(6)[4:])
        await settled()
        first.let_go()
        await asyncio.gather(*tasks)
        await made.aclose()
        return shares, len(first.history), len(second.history)

    assert run_virtually(main()) == ((2, 2), 2, 4)


def test_no_replica_has_more_than_its_capacity_and_the_line_is_answered_in_order(
    run_virtually, bench, make_requests, texts
):
    async def main():
        made = bench(count=2, capacity=3, latency_s=1.0)
        answers = await texts(made.ask(make_requests(20)))
        replicas = made.launch.made
        await made.aclose()
        return answers, [replica.peak for replica in replicas], [replica.history for replica in replicas]

    answers, peaks, histories = run_virtually(main())
    assert answers == [f"question {index}" for index in range(20)]
    assert peaks == [3, 3]
    assert [history == sorted(history, key=lambda name: int(name[1:])) for history in histories] == [True, True]


def test_who_asks_again_at_once_does_not_overtake_who_waits(run_virtually, bench, make_requests):
    async def main():
        made, requests, answered = bench(capacity=1, latency_s=1.0), make_requests(8), []

        async def worker(mine):
            for request in mine:
                completion = await made.group.answer(request)
                answered.append(completion.text)

        await asyncio.gather(worker(requests[:4]), worker(requests[4:]))
        await made.aclose()
        return answered

    assert [text.split()[1] for text in run_virtually(main())] == ["0", "4", "1", "5", "2", "6", "3", "7"]


def test_what_a_lost_replica_had_goes_to_others_before_all_who_wait_and_all_who_come(
    run_virtually, bench, make_requests, settled, texts
):
    async def main():
        made, requests = bench(count=2, capacity=3, held=True), make_requests(9)
        made.launch.enqueue(None, None, *[FULL] * 9)
        await made.all_up()
        tasks = made.ask(requests[:8])
        await settled()
        first, second = made.launch.made
        had = list(first.history)
        first.die("kill -9")
        tasks += made.ask(requests[8:])
        second.let_go()
        answers = await texts(tasks)
        await made.aclose()
        return had, second.history, answers

    had, history, answers = run_virtually(main())
    assert had == ["p0", "p2", "p4"]
    assert history == ["p1", "p3", "p5", "p0", "p2", "p4", "p6", "p7", "p8"]
    assert answers == [f"question {index}" for index in range(9)]


def test_a_loss_costs_no_attempt_and_is_told_with_what_was_at_work(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench(capacity=4, held=True)
        tasks = made.ask(make_requests(3))
        await settled()
        made.launch.held = False
        made.launch.made[0].die("kill -9")
        answers = await texts(tasks)
        await made.aclose()
        return answers, made.incidents

    answers, (up, lost, up_again) = run_virtually(main())
    assert answers == ["question 0", "question 1", "question 2"]
    assert (up.kind, up.number, up.node, up.pid) == ("replica_up", 1, "node-1", 101)
    assert (lost.kind, lost.node, lost.pid, lost.held, lost.reason) == ("replica_lost", "node-1", 101, 3, "kill -9")
    assert lost.note == "m: replica 1 on node-1 was lost and is replaced: kill -9"
    assert up_again.kind == "replica_up"
    assert up.note is None


def test_a_late_answer_is_dropped_and_told_by_its_item(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made, requests = bench(held=True), make_requests(1)
        tasks = made.ask(requests)
        await settled()
        gone = made.launch.made[0]
        gone.cut_off()
        made.launch.held = False
        answers = await texts(tasks)
        gone.let_go()
        await settled()
        replacement = made.launch.made[1].history
        await made.aclose()
        return answers, replacement, made.told("late_answer"), requests[0].item_id

    answers, replacement, late, item = run_virtually(main())
    assert answers == ["question 0"]
    assert replacement == ["p0"]
    assert [(one.number, one.reason, one.note) for one in late] == [(1, item, None)]


def test_a_late_answer_does_not_end_what_another_replica_is_at_work_on(run_virtually, bench, make_requests, settled):
    async def main():
        made = bench(held=True)
        [task] = made.ask(make_requests(1))
        await settled()
        gone = made.launch.made[0]
        gone.cut_off()
        await asyncio.sleep(5)
        gone.let_go()
        await settled()
        still_asked = not task.done() and made.launch.made[1].history == ["p0"]
        made.launch.made[1].let_go()
        text = (await task).text
        await made.aclose()
        return still_asked, text, len(made.told("late_answer"))

    assert run_virtually(main()) == (True, "question 0", 1)


def test_an_error_that_comes_late_is_nobodys(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench()
        gone = FakeReplica(held=True)
        gone.enqueue(RejectedError("too long"))
        made.launch.enqueue(gone)
        tasks = made.ask(make_requests(1))
        await settled()
        gone.cut_off()
        answers = await texts(tasks)
        gone.let_go()
        await settled()
        await made.aclose()
        return answers, made.told("late_answer")

    assert run_virtually(main()) == (["question 0"], [])


def test_a_request_that_loses_two_replicas_fails_as_one_to_try_again(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(capacity=1)
        killers = [FakeReplica(1), FakeReplica(1)]
        for killer in killers:
            killer.enqueue(ReplicaLostError("out of memory"))
        made.launch.enqueue(*killers)
        [poison, other] = make_requests(2)
        with pytest.raises(TransientError, match=r"was lost, and so was the one after it \(out of memory\)"):
            await made.group.answer(poison)
        answers = await texts(made.ask([other, poison]))
        await made.aclose()
        return answers

    assert run_virtually(main()) == ["question 1", "question 0"]


def test_what_one_replica_cannot_do_others_are_asked(run_virtually, bench, make_requests, texts):
    async def main():
        made, broken = bench(count=2, capacity=4), FakeReplica(1, latency_s=1.0)
        broken.enqueue(BROKEN)
        made.launch.enqueue(broken)
        answers = await texts(made.ask(make_requests(6)))
        await asyncio.sleep(60)
        members = [member.number for member in made.group.members]
        await made.aclose()
        return answers, members, made.launch.asked, broken.killed, made.told("replica_lost")

    answers, members, launched, killed, [lost] = run_virtually(main())
    assert answers == [f"question {index}" for index in range(6)]
    assert (members, launched, killed) == ([2], 2, True)
    assert lost.note == "m: replica 1 on node-1 was lost and is not replaced: The weights are not there."


def test_a_replica_that_had_answered_is_replaced_when_it_cannot_any_more(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(capacity=1)
        failing = FakeReplica(1)
        failing.enqueue(None, LaneError("CUDA failed."))
        made.launch.enqueue(failing)
        answers = await texts(made.ask(make_requests(3)))
        await made.aclose()
        return answers, made.launch.asked

    assert run_virtually(main()) == (["question 0", "question 1", "question 2"], 2)


def test_a_request_is_not_to_blame_for_replicas_that_can_answer_nothing(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench(count=4, capacity=1)
        for number in (1, 2, 3):
            broken = FakeReplica(number)
            broken.enqueue(BROKEN)
            made.launch.enqueue(broken)
        answers = await texts(made.ask(make_requests(1)))
        await made.aclose()
        return answers, [replica.history for replica in made.launch.made]

    assert run_virtually(main()) == (["question 0"], [["p0"]] * 4)


def test_what_a_resigned_replica_had_goes_before_all_who_wait(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench(count=2, capacity=2)
        broken, other = FakeReplica(1, held=True), FakeReplica(2, held=True)
        broken.enqueue(BROKEN)
        made.launch.enqueue(broken, other)
        await made.all_up()
        tasks = made.ask(make_requests(6))
        await settled()
        broken.let_go()
        await settled()
        other.let_go()
        answers = await texts(tasks)
        await made.aclose()
        return answers, broken.history, other.history

    answers, broken, other = run_virtually(main())
    assert answers == [f"question {index}" for index in range(6)]
    assert broken == ["p0", "p2"]
    assert other == ["p1", "p3", "p0", "p2", "p4", "p5"]


@pytest.mark.parametrize("error", [RejectedError("too long"), TransientError("odd"), KeyError("a bug")])
def test_other_errors_are_the_callers_and_the_replica_stays(run_virtually, bench, make_requests, texts, error):
    async def main():
        made, replica = bench(), FakeReplica()
        replica.enqueue(error)
        made.launch.enqueue(replica)
        answers = await texts(made.ask(make_requests(2)))
        up = len(made.group.members)
        await made.aclose()
        return answers, up, replica.history

    assert run_virtually(main()) == ([type(error).__name__, "question 1"], 1, ["p0", "p1"])


def test_a_cancelled_caller_leaves_the_line(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench(capacity=1, held=True)
        tasks = made.ask(make_requests(3))
        await settled()
        tasks[1].cancel()
        await settled()
        queued = made.group.queued
        made.launch.made[0].let_go()
        answers = await texts(tasks)
        history = made.launch.made[0].history
        await made.aclose()
        return queued, answers, history

    assert run_virtually(main()) == (1, ["question 0", "CancelledError", "question 2"], ["p0", "p2"])


def test_a_cancelled_caller_frees_its_slot_and_cancels_the_call(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench(capacity=1, held=True)
        tasks = made.ask(make_requests(2))
        await settled()
        replica = made.launch.made[0]
        tasks[0].cancel()
        await settled()
        seen = replica.cancelled, list(replica.history), made.group.members[0].held
        replica.let_go()
        answers = await texts(tasks)
        late = made.told("late_answer")
        await made.aclose()
        return seen, answers, late

    assert run_virtually(main()) == ((["p0"], ["p0", "p1"], 1), ["CancelledError", "question 1"], [])


def test_a_caller_who_is_cancelled_as_the_answer_comes_gives_its_slot_to_the_next(
    run_virtually, bench, make_requests, settled, texts
):
    async def main():
        made = bench(capacity=1, held=True)
        tasks = made.ask(make_requests(2))
        await settled()
        replica = made.launch.made[0]
        replica.let_go()
        tasks[0].cancel()
        answers = await texts(tasks)
        held = made.group.members[0].held
        await made.aclose()
        return answers, held, replica.history, made.told("late_answer")

    assert run_virtually(main()) == (["CancelledError", "question 1"], 0, ["p0", "p1"], [])


def test_a_caller_who_is_cancelled_as_its_turn_comes_is_passed_over(
    run_virtually, bench, make_requests, settled, texts
):
    async def main():
        made = bench(capacity=1, held=True)
        tasks = made.ask(make_requests(3))
        await settled()
        replica = made.launch.made[0]
        replica.let_go()
        await asyncio.sleep(0)
        tasks[1].cancel()
        answers = await texts(tasks)
        await made.aclose()
        return answers, replica.history

    assert run_virtually(main()) == (["question 0", "CancelledError", "question 2"], ["p0", "p2"])


def test_a_caller_cancelled_while_its_replica_dies_is_not_asked_again(
    run_virtually, bench, make_requests, settled, texts
):
    async def main():
        made = bench(capacity=2, held=True)
        tasks = made.ask(make_requests(2))
        await settled()
        made.launch.held = False
        made.launch.made[0].die()
        tasks[0].cancel()
        answers = await texts(tasks)
        replacement = made.launch.made[1].history
        await made.aclose()
        return answers, replacement, made.group.queued

    assert run_virtually(main()) == (["CancelledError", "question 1"], ["p1"], 0)


def test_stop_fails_all_at_once_and_whoever_comes_later(run_virtually, bench, make_requests, settled, texts):
    async def main():
        made = bench(count=2, capacity=1, held=True)
        tasks = made.ask(make_requests(4))
        await settled()
        made.group.stop()
        made.group.stop()
        answers = await texts(tasks)
        later = await texts(made.ask(make_requests(1)))
        await asyncio.sleep(60)
        return answers + later, [replica.killed for replica in made.launch.made], made.launch.asked, made.group.queued

    assert run_virtually(main()) == (["LaneError"] * 5, [True, True], 2, 0)


def test_stop_before_anybody_asked_launches_nothing(run_virtually, bench, make_requests, texts):
    async def main():
        made = bench()
        made.group.stop()
        answers = await texts(made.ask(make_requests(1)))
        await asyncio.sleep(60)
        return answers, made.launch.asked

    assert run_virtually(main()) == (["LaneError"], 0)


def test_everybody_hears_why_in_an_object_of_their_own(run_virtually, bench, make_requests):
    async def main():
        made = bench()
        made.launch.enqueue(BROKEN)
        errors = await asyncio.gather(*made.ask(make_requests(3)), return_exceptions=True)
        with pytest.raises(ModelUnavailable, match="not there") as later:
            await made.group.answer(make_requests(1)[0])
        return [*errors, later.value]

    errors = run_virtually(main())
    assert [(type(error), str(error), error.sent) for error in errors] == [(ModelUnavailable, str(BROKEN), False)] * 4
    assert len({id(error) for error in [*errors, BROKEN]}) == 5


def test_closing_asks_once_more_how_all_are_and_leaves_no_task(run_virtually, bench, make_requests, settled):
    async def main():
        made = bench(count=3, capacity=1, held=True)
        tasks = made.ask(make_requests(5))
        await settled()
        made.launch.made[2].cut_off()
        before = [replica.reports for replica in made.launch.made]
        await made.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task(), *tasks}
        await asyncio.gather(*tasks, return_exceptions=True)
        asked = [replica.reports - number for replica, number in zip(made.launch.made, before, strict=True)]
        return left, asked, [replica.killed for replica in made.launch.made]

    assert run_virtually(main()) == (set(), [1, 1, 1], [True] * 3)


def test_closing_what_was_stopped_asks_nobody_any_more(run_virtually, bench, make_requests, settled):
    async def main():
        made = bench(held=True)
        tasks = made.ask(make_requests(1))
        await settled()
        made.launch.made[0].report_takes_s = HOURS
        made.group.stop()
        began = asyncio.get_running_loop().time()
        await made.aclose()
        await asyncio.gather(*tasks, return_exceptions=True)
        return asyncio.get_running_loop().time() - began

    assert run_virtually(main()) < 1


class Night:
    """Requests that come when they come, at replicas to which things happen."""

    def __init__(self, made, requests, times):
        self.made = made
        self.outcomes: Counter[str] = Counter()
        self.asked = [asyncio.ensure_future(self._ask(*each)) for each in zip(requests, times, strict=True)]

    async def _ask(self, request, at):
        try:
            await asyncio.sleep(at)
            completion = await self.made.group.answer(request)
        finally:
            self.outcomes[request.item_id] += 1
        assert completion.text == request.prompt.text
        return "answered"

    async def act(self, at, which, kind):
        await asyncio.sleep(at)
        replicas = self.made.launch.made
        if kind == "cancel":
            self.asked[which % len(self.asked)].cancel()
        elif replicas:
            replica = replicas[which % len(replicas)]
            match kind:
                case "die":
                    replica.die()
                case "cut off":
                    replica.cut_off()
                case "resign":
                    replica.enqueue(LaneError("CUDA failed."))
                case "reject":
                    replica.enqueue(RejectedError("too long"))

    async def over(self):
        """What became of every request."""
        async with asyncio.timeout(HOURS):
            done = await asyncio.gather(*self.asked, return_exceptions=True)
        return {one if isinstance(one, str) else type(one).__name__ for one in done}


ACTS = st.tuples(
    st.floats(0, 30), st.integers(0, 7), st.sampled_from(["die", "cut off", "resign", "reject", "cancel", "cancel"])
)
LAUNCHES = st.sampled_from([None, None, None, FULL, BROKEN, ReplicaLostError("it never ran"), KeyError("a bug")])
BECAME = {"answered", "TransientError", "RejectedError", "LaneError", "ModelUnavailable", "CancelledError"}


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 4),
    capacity=st.integers(1, 3),
    times=st.lists(st.floats(0, 30), min_size=1, max_size=24),
    acts=st.lists(ACTS, max_size=16),
    launches=st.lists(LAUNCHES, max_size=10),
    latency_s=st.sampled_from([0.0, 0.7, 4.0]),
    stop_at=st.none() | st.floats(0, 40),
)
def test_whatever_dies_or_goes_every_item_has_one_outcome_and_nothing_waits_for_ever(
    run_virtually, bench, make_requests, count, capacity, times, acts, launches, latency_s, stop_at
):
    async def main():
        made = bench(count, capacity, latency_s=latency_s, delay_s=0.3)
        made.launch.enqueue(*launches)
        night = Night(made, make_requests(len(times)), times)
        acting = [asyncio.ensure_future(night.act(*each)) for each in acts]
        if stop_at is not None:
            asyncio.get_running_loop().call_later(stop_at, made.group.stop)
        became = await night.over()
        await asyncio.gather(*acting)
        held = [member.held for member in made.group.members]
        await made.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return became, night.outcomes, held, made, left

    became, outcomes, held, made, left = run_virtually(main())
    assert became <= BECAME
    assert list(outcomes.values()) == [1] * len(times)
    assert not any(held)
    assert made.group.queued == 0
    assert all(replica.peak <= capacity for replica in made.launch.made)
    asked_in_all = sum(len(replica.history) for replica in made.launch.made)
    assert asked_in_all <= len(times) + sum(member.lost_with for member in made.group.ever)
    assert left == set()
