from __future__ import annotations

import asyncio

import pytest

from harness.cluster.fake import FakeLaunch
from harness.cluster.line import Line
from harness.cluster.model import ModelOnCluster
from harness.cluster.needs import Node, Placement
from harness.cluster.replica import ReplicaReport
from harness.local.spec import LocalModelSpec
from harness.local.status import LocalStatus

TWO = Placement(2, {"CPU": 1.0}, "cpu")


class Models:
    """Models in one line for a cluster with two cores, each with a launch of its own."""

    def __init__(self, count: int, **launch):
        self.line = Line([Node("a", {"CPU": 2.0})])
        self.launches = [FakeLaunch(**launch) for _ in range(count)]
        self.models = [
            ModelOnCluster(LocalModelSpec(f"m{index}", slots=4), TWO, self.line, launch, tell=lambda _: None)
            for index, launch in enumerate(self.launches)
        ]
        for model in self.models:
            model.used()

    @property
    def launched(self):
        return [launch.asked for launch in self.launches]


def asked(model, requests):
    return [asyncio.ensure_future(model.answer(request, None)) for request in requests]


def test_models_that_do_not_fit_together_follow_one_another(run_virtually, make_requests, texts, settled):
    async def main():
        made, steps = Models(3), []
        first, second, third = made.models
        tasks = [*asked(third, make_requests(1)), *asked(second, make_requests(1)), *asked(first, make_requests(1))]
        for model in (first, second, third):
            await asyncio.sleep(60)
            steps.append((made.launched, [one.is_up for one in made.models], [task.done() for task in tasks]))
            await model.released()
        await asyncio.gather(*tasks)
        return steps

    assert run_virtually(main()) == [
        ([2, 0, 0], [True, False, False], [False, False, True]),
        ([2, 2, 0], [False, True, False], [False, True, True]),
        ([2, 2, 2], [False, False, True], [True, True, True]),
    ]


def test_replicas_stay_until_the_last_of_those_who_ask_has_nothing_more(run_virtually, make_requests, texts):
    async def main():
        made = Models(1)
        [model] = made.models
        model.used()
        await texts(asked(model, make_requests(1)))
        await model.released()
        up = model.status().replicas_up
        answers = await texts(asked(model, make_requests(1)))
        await model.released()
        return up, answers, [replica.killed for replica in made.launches[0].made], model.is_up

    assert run_virtually(main()) == (2, ["question 0"], [True, True], False)


def test_a_few_more_than_its_slots_are_with_each_replica(run_virtually, make_requests, settled):
    async def main():
        made = Models(1, held=True)
        [model] = made.models
        tasks = asked(model, make_requests(20))
        await settled()
        had = [len(replica.history) for replica in made.launches[0].made]
        status = model.status()
        model.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        await model.aclose()
        return model.in_flight, had, status.queued

    assert run_virtually(main()) == (12, [6, 6], 8)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_stopped_models_wake_who_waits_and_go_in_any_order(run_virtually, make_requests, texts, settled, order):
    async def main():
        made = Models(3, held=True)
        tasks = [task for model in made.models for task in asked(model, make_requests(1))]
        await settled()
        for model in made.models:
            model.stop()
        answers = await texts(tasks)
        for index in order:
            await made.models[index].released()
            await made.models[index].aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return answers, made.launched, left, made.line.join(TWO).is_set()

    assert run_virtually(main()) == (["LaneError"] * 3, [2, 0, 0], set(), True)


def test_a_model_is_loading_until_its_replicas_say_how_they_are(run_virtually, make_requests, settled):
    async def main():
        made = Models(1, held=True, delay_s=5.0)
        [model] = made.models
        tasks = asked(model, make_requests(1))
        await settled()
        status = model.status()
        model.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        await model.aclose()
        return status

    expected = LocalStatus("auto", "m0", "loading", slots=8, queued=1, replicas=2)
    assert run_virtually(main()) == expected


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (("idle", "idle"), "idle"),
        (("idle", "loading"), "loading"),
        (("loading", "generating"), "generating"),
        (("idle", "generating"), "generating"),
    ],
)
def test_what_replicas_do_is_added_up(run_virtually, make_requests, texts, states, together):
    async def main():
        made = Models(1)
        [model] = made.models
        await texts(asked(model, make_requests(1)))
        for replica, state in zip(made.launches[0].made, states, strict=True):
            replica.told = ReplicaReport(LocalStatus("cpu", "m0", state, 3, 4, 100.0, 1.5, 1000, 2, 50.0, 64))
        await asyncio.sleep(2)
        status = model.status()
        await model.aclose()
        return status

    assert run_virtually(main()) == LocalStatus(
        "auto", "m0", together, 6, 8, 200.0, 1.5, 1000, 4, 100.0, 128, replicas=2, replicas_up=2
    )
