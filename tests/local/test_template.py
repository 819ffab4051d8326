from __future__ import annotations

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


def test_a_template_that_writes_the_date_says_so(tokenizer, tokenizer_with):
    assert Template(tokenizer_with("{{ strftime_now('%d %b %Y') }}")).writes_date
    assert not Template(tokenizer).writes_date
