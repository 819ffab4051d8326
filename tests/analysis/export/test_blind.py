from __future__ import annotations

from harness.analysis.export.blind import blind_items, gold_text


def shown(records, **facts):
    opaque = {record["item_id"]: f"o{number}" for number, record in enumerate(records)}
    return blind_items(records, opaque, **{"seed": 0, "coder": "anna", **facts})


def test_a_coder_and_a_seed_have_an_order_of_their_own(make_record):
    records = [make_record(f"p{n}") for n in range(12)]
    orders = {
        tuple(item.item for item in shown(records, seed=seed, coder=coder)) for seed in (0, 1) for coder in ("a", "b")
    }
    assert len(orders) == 4
    assert all(sorted(order) == sorted(f"o{n}" for n in range(12)) for order in orders)


def test_an_order_does_not_depend_on_the_journals_or_on_answers_that_come_later(make_record):
    records = [make_record(f"p{n}") for n in range(12)]
    few = [item.prompt for item in shown(records[:8])]
    all_of_them = [item.prompt for item in shown(records[::-1])]
    assert [prompt for prompt in all_of_them if prompt in few] == few


def test_turns_are_shown_with_who_spoke(make_record):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    [item] = shown([make_record(messages=turns)])
    assert item.prompt == "user: a\n\nassistant: b\n\nuser: c"


def test_a_system_text_is_shown_only_where_it_tells_no_variants_apart(make_record):
    same = [make_record(system="Be brief."), make_record(model="other", system="Be brief.")]
    assert {item.prompt for item in shown(same)} == {"system: Be brief.\n\nuser: question p0"}
    differ = [make_record(system="Be brief."), make_record(model="other")]
    assert {item.prompt for item in shown(differ)} == {"question p0"}


def test_gold_is_lines_and_nothing_else_of_the_metadata():
    metadata = {
        "gold_label": {"exists": False, "description": "No such id."},
        "gold_points": ["one", "two"],
        "gold_refs": [],
        "pair_id": "pair_1",
    }
    assert gold_text(metadata) == "gold label\nexists: no\ndescription: No such id.\n\ngold points\n• one\n• two"


def test_an_answer_without_text_is_an_empty_one_and_a_simulated_one_says_so(make_record):
    [item] = shown([make_record(full_response=None, simulated=True)])
    assert item.answer == ""
    assert item.simulated.startswith("SIMULATED")
