from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from harness.errors import RejectedError
from harness.local.template import Template
from harness.schema import Message

QWEN_LIKE = (
    "{% if messages[0]['role'] != 'system' %}<|system|>You are helpful.</s>{% endif %}"
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% endfor %}"
)
DATED = "Today is {{ strftime_now('%d %b %Y') }}. {{ messages[0]['content'] }}"
LLAMA_LIKE = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "Today is {{ date_string }}."
)


def text_of(tokenizer, rendered):
    return tokenizer.decode(rendered.token_ids)


def test_the_chat_template_writes_the_turns_and_opens_the_answer(tokenizer, request_for):
    rendered = Template(tokenizer).render(request_for("Hi", system="Be brief."))

    assert text_of(tokenizer, rendered) == "<s><|system|>Be brief.</s><|user|>Hi</s><|assistant|>"
    assert rendered.record["form"] == "chat_template"
    assert rendered.record["system"] == "Be brief."
    assert len(rendered.record["hash"]) == len(rendered.record["prompt_hash"]) == 64


def test_a_conversation_that_ends_with_the_assistant_is_continued(tokenizer, request_for):
    turns = (Message("user", "Count."), Message("assistant", "One, two,"))

    rendered = Template(tokenizer).render(request_for(messages=turns))

    assert text_of(tokenizer, rendered) == "<s><|user|>Count.</s><|assistant|>One, two,"


def test_without_a_template_the_plain_form_is_used_and_recorded(tokenizer_with, request_for):
    tokenizer = tokenizer_with(None)
    template = Template(tokenizer)

    rendered = template.render(request_for("Hi"))

    assert text_of(tokenizer, rendered).removeprefix("<s>") == "User: Hi\n\nAssistant:"
    assert rendered.record["form"] == "plain"
    assert rendered.record["hash"] is None
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    long = template.render(request_for(messages=turns, system="S"))
    assert text_of(tokenizer, long).endswith("System: S\n\nUser: a\n\nAssistant: b\n\nUser: c\n\nAssistant:")


def test_the_system_text_that_a_template_injects_is_recorded(tokenizer_with, request_for):
    template = Template(tokenizer_with(QWEN_LIKE))

    assert template.render(request_for()).record["system"] == "You are helpful."
    assert template.render(request_for(system="Mine.")).record["system"] == "Mine."


def test_no_system_text_is_recorded_where_none_is_written(tokenizer, tokenizer_with, request_for):
    assert Template(tokenizer).render(request_for()).record["system"] is None
    assert Template(tokenizer_with(NO_SYSTEM)).render(request_for()).record["system"] is None


def test_a_template_that_takes_no_system_text_refuses_that_request(tokenizer_with, request_for):
    template = Template(tokenizer_with(NO_SYSTEM))

    with pytest.raises(RejectedError, match=r"System role not supported.*Leave the system text out"):
        template.render(request_for(system="Be brief."))


def test_a_text_before_the_first_question_is_recorded_where_a_given_one_would_follow_it(tokenizer_with, request_for):
    turns = "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"

    rendered = Template(tokenizer_with("{{ bos_token }}Be kind.\n" + turns)).render(request_for())

    assert rendered.record["system"] == "Be kind."


def test_a_refusal_that_ends_with_a_full_stop_is_told_with_one(tokenizer_with, request_for):
    template = Template(tokenizer_with("{{ raise_exception('Roles must alternate.') }}"))

    with pytest.raises(RejectedError, match=r"Roles must alternate\.$"):
        template.render(request_for())


def test_template_kwargs_reach_the_template_and_the_record(tokenizer_with, request_for):
    tokenizer = tokenizer_with("{{ messages[0]['content'] }}{% if enable_thinking %}?{% else %}!{% endif %}")

    rendered = Template(tokenizer).render(request_for("Hi", chat_template_kwargs={"enable_thinking": True}))

    assert text_of(tokenizer, rendered) == "Hi?"
    assert rendered.record["kwargs"] == {"enable_thinking": True}


def test_two_beginnings_of_sequence_become_one(tokenizer_with, request_for):
    tokenizer = tokenizer_with("{{ bos_token }}{{ bos_token }}{{ messages[0]['content'] }}")

    assert text_of(tokenizer, Template(tokenizer).render(request_for("Hi"))) == "<s>Hi"


def test_the_hashes_tell_prompts_and_templates_apart(tokenizer, tokenizer_with, request_for):
    one, other = Template(tokenizer), Template(tokenizer_with(QWEN_LIKE))

    assert one.hash != other.hash
    assert one.render(request_for("a")).record["prompt_hash"] != one.render(request_for("b")).record["prompt_hash"]


def dated(request, day):
    return replace(request, variant=replace(request.variant, template_date=day))


def test_a_template_that_writes_the_date_says_so(tokenizer, tokenizer_with):
    assert Template(tokenizer_with(DATED)).writes_date
    assert not Template(tokenizer).writes_date


def test_a_template_that_asks_for_the_date_is_told_the_runs_first_day(tokenizer_with, request_for):
    template = Template(tokenizer_with(DATED), "2026-07-26")

    rendered = template.render(request_for("Hi"))

    assert text_of(template._tokenizer, rendered) == "Today is 26 Jul 2026. Hi"
    assert rendered.record["date"] == "2026-07-26"


def test_the_variants_own_date_goes_before_the_runs(tokenizer_with, request_for):
    template = Template(tokenizer_with(DATED), "2026-07-26")

    rendered = template.render(dated(request_for("Hi"), "2024-12-01"))

    assert text_of(template._tokenizer, rendered) == "Today is 01 Dec 2024. Hi"
    assert rendered.record["date"] == "2024-12-01"


def test_without_any_date_it_is_today(tokenizer_with, request_for):
    template = Template(tokenizer_with(DATED), today=lambda: date(2027, 2, 3))

    assert template.render(request_for()).record["date"] == "2027-02-03"


def test_the_time_of_day_is_midnight_so_that_nothing_moves_within_the_day(tokenizer_with, request_for):
    template = Template(tokenizer_with("{{ strftime_now('%H:%M:%S') }}"), "2026-07-26")

    assert text_of(template._tokenizer, template.render(request_for())) == "00:00:00"


def test_no_date_is_recorded_where_the_template_did_not_ask(tokenizer, tokenizer_with, request_for):
    assert Template(tokenizer, "2026-07-26").render(request_for()).record["date"] is None
    assert Template(tokenizer_with(None), "2026-07-26").render(request_for()).record["date"] is None


def test_a_date_given_as_a_template_variable_goes_before_the_clock(tokenizer_with, request_for):
    template = Template(tokenizer_with(LLAMA_LIKE), "2026-07-26")

    rendered = template.render(request_for(chat_template_kwargs={"date_string": "1 Jan 2020"}))

    assert text_of(template._tokenizer, rendered) == "Today is 1 Jan 2020."
    assert rendered.record["date"] is None


def test_the_injected_system_text_holds_the_date_of_its_own_request(tokenizer_with, request_for):
    template = Template(tokenizer_with(QWEN_LIKE.replace("You are helpful.", "It is {{ strftime_now('%Y') }}.")))

    written = [template.render(dated(request_for(), f"{year}-01-01")).record["system"] for year in (2024, 2025)]

    assert written == ["It is 2024.", "It is 2025."]


@pytest.mark.parametrize(
    "template",
    [
        "{{ strftime_now('%-d. %B %Y, %A, week %V, 100%% %y%m%d %j %^a') }}",
        "{{ strftime_now('%d') | int + 1 }}",
        "{% macro today() %}{{ strftime_now(format='%F') }}{% endmacro %}{{ today() }}",
        "\n  {% if true %}\n  {{ strftime_now('%Y') }}{% endif %}\n{%- set x = 1 %}\n y",
    ],
)
def test_a_frozen_template_writes_what_it_would_write_on_that_day(tokenizer_with, request_for, template):
    from transformers.utils import chat_template_utils

    class Then(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 7, 5)

    tokenizer = tokenizer_with(template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_template_utils, "datetime", Then)
        asked_then = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)

    request = dated(request_for("Hi"), "2026-07-05")
    assert Template(tokenizer).text(request.messages, None, request.variant) == asked_then


def test_the_clock_is_not_told_to_a_tokenizer_whose_template_has_none(tokenizer, request_for, monkeypatch):
    told = {}
    apply = tokenizer.apply_chat_template
    monkeypatch.setattr(
        tokenizer, "apply_chat_template", lambda turns, **kwargs: told.update(kwargs) or apply(turns, **kwargs)
    )

    Template(tokenizer, "2026-07-26").render(request_for())

    assert told.keys() == {"tokenize", "add_generation_prompt", "continue_final_message"}
