from __future__ import annotations

from dataclasses import replace

from harness.digests import DigestSet
from harness.plan import count_in, place_of, requests_for, unfinished
from harness.schema import Message, Prompt

PROMPTS = [Prompt("a", "one"), Prompt("b", "two", system="own"), Prompt("c", "three")]
GOLDEN = [
    "5cd1c36a8a8edbef53abfc1b573fec10",
    "504138d44f7c462436d07824e0b76d06",
    "b7f30a87f142bc3c534413510b4e4237",
    "8003812f9e28b2f7d63acfcdfbc480f1",
    "b8ab29af1d660d7f3bfe22677de23e4e",
    "82f490dffeca69c69198d237919dd0c3",
    "3edf07d3b50449a3609cb1e58820e7c6",
    "564879244c3b8280da175ab0c40865b7",
]


def test_every_prompt_comes_once_a_repeat_prompt_by_prompt(make_variant):
    requests = list(requests_for(make_variant(repeats=2), 42, PROMPTS))
    assert [(request.prompt.id, request.repeat) for request in requests] == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 1),
    ]  # fmt: skip
    assert len({request.item_id for request in requests}) == 6


def test_what_is_done_is_left_out(make_variant):
    variant, done = make_variant(), DigestSet()
    first, *rest = requests_for(variant, 42, PROMPTS)
    done.add(bytes.fromhex(first.item_id))
    assert [request.item_id for request in requests_for(variant, 42, PROMPTS, done)] == [r.item_id for r in rest]


def test_nothing_is_read_before_it_is_asked_for(make_variant):
    read = []

    def source():
        for prompt in PROMPTS:
            read.append(prompt.id)
            yield prompt

    requests = requests_for(make_variant(), 42, source())
    assert read == []
    next(requests)
    assert read == ["a"]


def test_a_prompts_own_system_text_goes_before_the_variants(make_variant):
    requests = list(requests_for(make_variant(system="shared"), 42, PROMPTS))
    assert [request.system for request in requests] == ["shared", "own", "shared"]


def test_several_turns_are_sent_as_they_are(make_variant):
    turns = (Message("user", "x"), Message("assistant", "y"), Message("user", "z"))
    (request,) = requests_for(make_variant(), 42, [Prompt("m", "z", messages=turns)])
    assert request.messages == turns


def test_an_item_has_the_same_seed_in_every_variant(make_variant):
    one, other = make_variant(), make_variant("other", model="other")
    seeds = [[request.seed for request in requests_for(variant, 42, PROMPTS)] for variant in (one, other)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 3


def test_an_item_has_the_id_that_it_always_had(make_variant):
    turns = (Message("user", "x"), Message("assistant", "y"), Message("user", "z"))
    prompts = [*PROMPTS, Prompt("m", "z", messages=turns)]
    ids = [request.item_id for request in requests_for(make_variant(repeats=2, system="shared"), 42, prompts)]
    assert ids == GOLDEN


def test_what_is_done_of_several_variants_is_counted_in_one_pass(make_variant):
    variants = [
        make_variant(repeats=2),
        make_variant("b", model="b", system="s"),
        make_variant("c", model="c", repeats=3),
    ]
    done = DigestSet()
    for variant, places in zip(variants, ((0, 3, 5), (), (1, 8)), strict=True):
        requests = list(requests_for(variant, 42, PROMPTS))
        for place in places:
            done.add(bytes.fromhex(requests[place].item_id))
    assert count_in(done, variants, iter(PROMPTS)) == [3, 0, 2]


def test_no_variants_have_nothing_done():
    assert count_in(DigestSet(), [], PROMPTS) == []


def test_a_place_in_the_plan_is_the_same_whatever_the_text(make_variant):
    (before,) = requests_for(make_variant(), 42, [PROMPTS[0]])
    (after,) = requests_for(make_variant(), 42, [replace(PROMPTS[0], text="changed")])
    assert before.item_id != after.item_id
    assert place_of("a", "m@0.0", 0) == place_of("a", "m@0.0", 0) != place_of("a", "m@0.0", 1)


def test_a_long_stretch_of_what_is_done_leaves_an_event_loop_its_turns(make_variant):
    prompts = [Prompt(f"p{index}", f"question {index}") for index in range(1000)]
    variant = make_variant()
    done = {bytes.fromhex(request.item_id) for request in requests_for(variant, 42, prompts)}

    turns = list(unfinished(variant, 42, prompts, done))

    assert turns == [None] * 3
