from __future__ import annotations

import hashlib
from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from harness.identity import ItemHasher, item_identity, item_seed, variant_identity
from harness.schema import LogprobsSpec, Message, ProviderType, SamplingParams, Variant

VARIANT = Variant(
    name="claude-sonnet-4-6@0.7",
    provider=ProviderType.CLAUDE,
    model="claude-sonnet-4-6",
    sampling=SamplingParams(0.7, 2048),
    run_seed=None,
)
TURN = (Message("user", "Does CVE-2021-44228 exist?"),)


def _id(variant: Variant = VARIANT, prompt_id: str = "p1", messages=TURN, system=None, repeat: int = 0) -> str:
    turns = [[message.role, message.content] for message in messages]
    return ItemHasher(variant)(item_identity(prompt_id, turns, system, repeat)).hex()


def test_the_golden_id_never_changes():
    assert _id() == "5816ccc578530bedc75a3b57f88c2134"


def test_everything_that_determines_the_answer_changes_the_id():
    changed = [
        _id(prompt_id="p2"),
        _id(messages=(Message("user", "Does CVE-2021-44228 exist"),)),
        _id(messages=(*TURN, Message("assistant", "Yes."), Message("user", "Sure?"))),
        _id(system="Be brief."),
        _id(repeat=1),
        _id(replace(VARIANT, provider=ProviderType.OPENAI)),
        _id(replace(VARIANT, model="claude-haiku-4-5")),
        _id(replace(VARIANT, label="second")),
        _id(replace(VARIANT, revision="main")),
        _id(replace(VARIANT, sampling=SamplingParams(0.0, 2048))),
        _id(replace(VARIANT, sampling=SamplingParams(0.7, 1024))),
        _id(replace(VARIANT, sampling=SamplingParams(0.7, 2048, top_p=0.9))),
        _id(replace(VARIANT, sampling=SamplingParams(0.7, 2048, stop=("\n",)))),
        _id(replace(VARIANT, sampling=SamplingParams(0.7, 2048, min_p=0.1))),
        _id(replace(VARIANT, sampling=SamplingParams(0.7, 2048, repetition_penalty=1.1))),
        _id(replace(VARIANT, dtype="float16")),
        _id(replace(VARIANT, quantization="int8")),
        _id(replace(VARIANT, chat_template_kwargs={"enable_thinking": False})),
        _id(replace(VARIANT, template_date="2026-07-26")),
        _id(replace(VARIANT, extra_body={"user": "x"})),
        _id(replace(VARIANT, run_seed=42)),
        _id(replace(VARIANT, simulated=True)),
    ]
    assert len({_id(), *changed}) == len(changed) + 1


def test_what_only_changes_the_evidence_or_the_name_does_not_change_the_id():
    assert _id(replace(VARIANT, logprobs=LogprobsSpec(20))) == _id()
    assert _id(replace(VARIANT, name="another name", repeats=5)) == _id()


def test_numbers_are_canonical():
    whole = replace(VARIANT, sampling=SamplingParams(0, 2048), extra_body={"n": 1})
    fraction = replace(VARIANT, sampling=SamplingParams(0.0, 2048), extra_body={"n": 1.0})
    assert _id(whole) == _id(fraction)


def test_true_is_not_one():
    assert _id(replace(VARIANT, extra_body={"n": True})) != _id(replace(VARIANT, extra_body={"n": 1}))


def test_an_items_seed_derives_from_run_seed_prompt_and_repeat_and_fits_31_bits():
    seeds = {item_seed(42, "p1", 0), item_seed(42, "p1", 1), item_seed(42, "p2", 0), item_seed(43, "p1", 0)}
    assert len(seeds) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert item_seed(42, "prompt_0001", 0) == 1813754351


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    texts,
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), max_size=3),
    st.none() | texts,
    st.integers(0, 1000),
)
def test_an_id_is_the_hash_of_sorted_json_with_numbers_as_floats_and_without_absent_facts(
    prompt_id, turns, system, repeat
):
    facts = {"prompt_id": prompt_id, "messages": turns, "repeat": float(repeat)}
    if system is not None:
        facts["system"] = system
    written = variant_identity(VARIANT) + b"\n" + orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
    made = _id(prompt_id=prompt_id, messages=[Message(*turn) for turn in turns], system=system, repeat=repeat)
    assert made == hashlib.blake2b(written, digest_size=16).hexdigest()


def test_what_is_canonical_json_of_a_variant_is_pinned():
    assert variant_identity(VARIANT) == (
        b'{"chat_template_kwargs":{},"extra_body":{},"model":"claude-sonnet-4-6","provider":"claude",'
        b'"sampling":{"max_tokens":2048.0,"stop":[],"temperature":0.7},"simulated":false}'
    )
