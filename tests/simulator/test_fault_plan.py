from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.answers import Question
from harness.simulator.fault_plan import FaultPlan
from harness.simulator.fault_script import parse_script
from harness.simulator.faults import parse_shares

QUESTION = Question(model="m", turns=(("user", "What is TLS?"),))


def plan(shares=None, script=(), seed=0):
    return FaultPlan(parse_shares(shares or {}), parse_script(script), seed)


def kinds(made, items):
    return [getattr(made.draw(QUESTION, item), "kind", None) for item in items]


def test_shares_are_met_nearly():
    drawn = Counter(kinds(plan({"reset": 0.2, "hang": 0.05}), map(str, range(10_000))))
    assert 1_850 < drawn["reset"] < 2_150
    assert 410 < drawn["hang"] < 590
    assert drawn[None] == 10_000 - drawn["reset"] - drawn["hang"]


def test_attempts_at_one_item_are_drawn_anew():
    drawn = Counter(kinds(plan({"reset": 0.2}), ["item"] * 5_000))
    assert 900 < drawn["reset"] < 1_100


@given(st.lists(st.sampled_from("abcd")), st.randoms(use_true_random=False))
def test_what_an_attempt_meets_depends_on_its_item_alone_and_not_on_the_order(items, random):
    shuffled = random.sample(items, len(items))
    met = []
    for order in (items, shuffled):
        made = plan({"reset": 0.5, "408": 0.2}, seed=3)
        by_item = {item: [] for item in items}
        for item in order:
            by_item[item] += kinds(made, [item])
        met.append(by_item)
    assert met[0] == met[1]


def test_another_seed_draws_otherwise():
    items = list(map(str, range(50)))
    assert kinds(plan({"reset": 0.5}, seed=1), items) != kinds(plan({"reset": 0.5}, seed=2), items)
    assert kinds(plan({"reset": 0.5}, seed=1), items) == kinds(plan({"reset": 0.5}, seed=1), items)


def test_a_share_of_1_spares_nobody():
    assert set(kinds(plan({"reset": 1}), map(str, range(1_000)))) == {"reset"}


def test_a_script_counts_the_attempts_at_each_item_by_itself():
    made = plan(script=[{"sequence": ["429", "reset"]}])
    assert kinds(made, ["a", "a", "b", "a", "b", "b"]) == ["429", "reset", "429", None, "reset", None]


def test_the_first_entry_that_matches_decides():
    script = [{"match": "SSH", "sequence": ["hang"]}, {"match": "TLS", "sequence": ["413"]}, {"sequence": ["500"]}]
    assert kinds(plan(script=script), ["a"]) == ["413"]


def test_what_a_script_matches_is_spared_by_chance():
    made = plan({"reset": 1}, [{"match": "TLS", "sequence": ["500"]}])
    assert kinds(made, ["a", "a"]) == ["500", None]
    assert made.draw(Question(model="m", turns=(("user", "What is SSH?"),)), "b").kind == "reset"


def test_reset_begins_every_item_again():
    made = plan(script=[{"sequence": ["500"]}])
    assert kinds(made, ["a", "a"]) == ["500", None]
    made.reset()
    assert kinds(made, ["a", "a"]) == ["500", None]
