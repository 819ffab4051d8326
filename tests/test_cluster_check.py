"""What is said of a Ray cluster before anything begins; the cluster itself is one of a few lines."""

from __future__ import annotations

import pytest

from harness.cluster.look import Cluster
from harness.cluster.needs import LOCAL, Node, Placement
from harness.cluster_check import examine_cluster
from harness.config import RunConfig
from harness.errors import UsageError
from harness.findings import Level, Report
from harness.providers.registry import local_spec

DEMO = {"name": "demo", "type": "local", "model_path": "demo"}
GPT = {"name": "gpt", "type": "openai", "api_key": "sk-one", "executor": "ray"}
NODES = (Node("a", {"CPU": 8.0, "memory": 3e10}), Node("b", {"CPU": 8.0}))


class Look:
    """Has a cluster, or an error, and remembers whom it was asked for."""

    def __init__(self, outcome=None):
        self.asked: list[str | None] = []
        self.outcome = outcome or Cluster("head:6379", NODES)

    def __call__(self, address):
        self.asked.append(address)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def look():
    return Look()


def examined(look, *models, report=None, **shared):
    """The plan, and what was told."""
    report = report or Report()
    config = RunConfig.model_validate({"models": list(models), **shared})
    plan = examine_cluster(config, report, look)
    return plan, [(finding.level, finding.subject, finding.message) for finding in report.findings]


def test_a_run_without_replicas_asks_no_cluster(look):
    assert examined(look, DEMO, GPT) == (None, [])
    assert look.asked == []


def test_an_api_model_stays_here_whatever_its_executor(look):
    assert examined(look, GPT, executor="ray", ray_address="head:6379") == (None, [])


def test_a_local_model_is_placed_and_told(look):
    plan, told = examined(look, DEMO, GPT, executor="ray", ray_address="head:6379")

    assert look.asked == ["head:6379"]
    assert plan.cluster == Cluster("head:6379", NODES)
    [(spec, placement)] = plan.placements.items()
    assert spec.model_name == "demo"
    assert placement == Placement(2, {"CPU": 8.0}, "cpu")
    assert told == [
        (Level.OK, "ray", "head:6379: a with CPU 8; b with CPU 8."),
        (
            Level.OK,
            "ray",
            "demo: 2 replicas on cpu, each with CPU 8; its weights are looked for on the nodes, when they load.",
        ),
    ]


def test_the_plan_knows_each_spec_as_the_registry_asks_for_it(look):
    config = RunConfig.model_validate({"models": [{**DEMO, "slots": 7, "dtype": "float32"}], "executor": "ray"})
    plan = examine_cluster(config, Report(), look)
    assert list(plan.placements) == [local_spec(config.resolved(config.models[0]))]


def test_a_cluster_that_is_started_for_the_run_is_told_as_that():
    look = Look(Cluster(LOCAL, NODES[:1]))
    _, told = examined(look, {**DEMO, "replicas": 1}, executor="ray")
    assert look.asked == [None]
    assert [message for *_, message in told] == [
        "started on this machine for the run: a with CPU 8.",
        "demo: a replica with CPU 8; its weights are looked for on the nodes, when they load.",
    ]


def test_variants_of_one_model_are_placed_once(look):
    plan, told = examined(look, {**DEMO, "temperature": [0.0, 0.7, 1.0]}, executor="ray")
    assert len(plan.placements) == 1
    assert len(told) == 2


def test_models_that_do_not_fit_together_are_placed_all_the_same(look):
    """They follow one another."""
    plan, _ = examined(look, DEMO, {**DEMO, "name": "other", "label": "other"}, executor="ray")
    assert [placement.replicas for placement in plan.placements.values()] == [2, 2]


def test_no_cluster_is_a_problem():
    plan, told = examined(Look(UsageError("There is no Ray cluster at head:6379.")), DEMO, executor="ray")
    assert plan is None
    assert told == [(Level.PROBLEM, "ray", "There is no Ray cluster at head:6379.")]


def test_resources_that_are_not_there_are_a_problem_told_once_with_what_is(look):
    _, told = examined(look, {**DEMO, "device": "cuda", "temperature": [0.0, 0.7]}, executor="ray")
    assert [level for level, *_ in told] == [Level.OK, Level.PROBLEM]
    assert told[1][2].startswith(
        "demo asks for a replica with CPU 1, GPU 1, and the cluster has room for 0: a with CPU 8; b with CPU 8."
    )


def test_every_model_without_room_is_told(look):
    other = {**DEMO, "name": "other", "label": "other", "replicas": 17}
    _, told = examined(look, {**DEMO, "resources": {"tpu": 1}}, other, executor="ray")
    problems = [message for level, _, message in told if level is Level.PROBLEM]
    assert [message.split()[0] for message in problems] == ["demo", "other"]


def test_one_model_twice_with_different_replicas_is_a_problem_told_once(look):
    twice = [
        {**DEMO, "label": "cool", "replicas": 2},
        {**DEMO, "label": "warm", "replicas": 3, "temperature": [0.5, 0.7]},
    ]
    _, told = examined(look, *twice, executor="ray")
    problem = "demo stands twice, with different `replicas` or `resources`: say the same in both."
    assert [(level, message) for level, _, message in told if level is Level.PROBLEM] == [(Level.PROBLEM, problem)]


def test_an_address_that_nobody_will_use_is_noted(look):
    _, told = examined(look, DEMO, ray_address="head:6379")
    note = "head:6379 is not asked for anything: no model has executor: ray (or --executor ray)."
    assert told == [(Level.NOTE, "ray", note)]
    assert look.asked == []


def test_nobody_is_asked_while_something_else_is_to_be_mended(look):
    report = Report()
    report.add(Level.PROBLEM, "prompts", "There are none.")
    plan, told = examined(look, DEMO, report=report, executor="ray", ray_address="head:6379")
    assert (plan, len(told), look.asked) == (None, 1, [])
