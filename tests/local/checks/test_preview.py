from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from harness.errors import ModelUnavailable
from harness.findings import Level
from harness.local.checks.preview import Loaded, load_tokenizer, preview
from harness.local.spec import LocalModelSpec
from harness.local.template import Template

TURNS = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
QWEN_LIKE = (
    "{% if messages[0]['role'] != 'system' %}<|system|>You are Qwen, a helpful assistant.</s>{% endif %}" + TURNS
)
VICUNA_LIKE = (
    "A chat between a user and an assistant. {% for message in messages %}"
    "{{ 'USER' if message['role'] == 'user' else 'ASSISTANT' }}: {{ message['content'] }}"
    "{{ '</s>' if message['role'] == 'assistant' else ' ' }}{% endfor %}ASSISTANT:"
)
LLAMA_LIKE = (
    "{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "<|system|>Cutting Knowledge Date: December 2023 Today Date: {{ date_string }}</s>" + TURNS
)
DATED = "{{ strftime_now('%Y-%m-%d') }}" + TURNS
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + TURNS
)
MISTRAL_LIKE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}[INST] {{ message['content'] }}"
    "[/INST]{% else %} {{ message['content'] }}</s>{% endif %}{% endfor %}"
)
GEMMA_LIKE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else "
    "'user' }}\n{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}<start_of_turn>model\n"
)


def loaded_with(tokenizer, context=256):
    return Loaded(tokenizer, {"max_position_embeddings": context}, Template(tokenizer))


def found_by(look, subject, level):
    return [found.message for found in look.findings if found.subject == subject and found.level is level]


def notes_on(tokenizer, *requests):
    return found_by(preview(loaded_with(tokenizer), "m", requests), "template", Level.NOTE)


def warnings_on(tokenizer, *requests):
    return found_by(preview(loaded_with(tokenizer), "m", requests), "template", Level.WARNING)


def test_a_plain_template_shows_a_prompt_and_has_nothing_to_say(tokenizer, request_for):
    look = preview(loaded_with(tokenizer), "m", [request_for("Hi", prompt_id="p1")])

    [shown] = found_by(look, "template", Level.OK)
    assert "p1 reads “<s><|user|>Hi</s><|assistant|>”" in shown
    assert all(found.level is Level.OK for found in look.findings)
    assert look.longest == 6


@pytest.mark.parametrize(
    ("template", "said"), [(QWEN_LIKE, "“You are Qwen, a helpful assistant.”"), (VICUNA_LIKE, "“A chat between a user")]
)
def test_a_system_text_of_the_templates_own_is_quoted(tokenizer_with, request_for, template, said):
    [note] = notes_on(tokenizer_with(template), request_for())

    assert said in note
    assert "`system:`" in note


@pytest.mark.parametrize("template", [MISTRAL_LIKE, GEMMA_LIKE], ids=["mistral", "gemma"])
def test_the_markup_of_a_turn_is_no_system_text(tokenizer_with, request_for, template):
    assert notes_on(tokenizer_with(template), request_for()) == []


def test_a_system_text_that_the_template_adds_to_is_quoted_too(tokenizer_with, request_for):
    [note] = notes_on(tokenizer_with(LLAMA_LIKE), request_for(chat_template_kwargs={"date_string": "1 Jan 2026"}))

    assert "“Cutting Knowledge Date: December 2023 Today Date: 1 Jan 2026”" in note


def test_who_gives_a_system_text_need_not_know_of_the_templates(tokenizer_with, request_for):
    assert notes_on(tokenizer_with(QWEN_LIKE), request_for(system="Mine.")) == []


def date_notes_on(tokenizer, *requests, day=None):
    loaded = Loaded(tokenizer, {}, Template(tokenizer, day))
    notes = found_by(preview(loaded, "m", requests), "template", Level.NOTE)
    return [note for note in notes if "date" in note.replace("Today Date", "")]


def test_a_template_that_asks_for_the_date_says_which_it_is_told_and_how_to_choose(tokenizer_with, request_for):
    [note] = date_notes_on(tokenizer_with(DATED), request_for(), day="2026-07-26")

    assert "the day on which the run began" in note
    assert "2026-07-26" in note
    assert "Set template_date" in note


def test_a_date_that_was_chosen_is_shown(tokenizer_with, request_for):
    asked = request_for()
    chosen = replace(asked, variant=replace(asked.variant, template_date="2024-12-01"))

    [note] = date_notes_on(tokenizer_with(DATED), chosen, day="2026-07-26")

    assert "is told 2024-12-01" in note


def test_a_date_that_a_template_variable_gives_is_no_matter(tokenizer_with, request_for):
    given = {"date_string": "26 Jul 2026"}

    assert date_notes_on(tokenizer_with(LLAMA_LIKE), request_for(chat_template_kwargs=given)) == []


def test_one_prompt_for_which_the_template_asks_is_enough(tokenizer_with, request_for):
    asks_without_system = "{% if messages[0]['role'] != 'system' %}{{ strftime_now('%Y') }}{% endif %}" + TURNS
    requests = [request_for("a", system="Mine."), request_for("b")]

    assert len(date_notes_on(tokenizer_with(asks_without_system), *requests)) == 1


def test_two_beginnings_of_sequence_are_said_to_be_mended(tokenizer_with, request_for):
    from tokenizers.processors import TemplateProcessing

    tokenizer = tokenizer_with("{{ bos_token }}" + TURNS)
    assert notes_on(tokenizer, request_for()) == []
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])

    [note] = notes_on(tokenizer, request_for())

    assert "One is kept" in note
    assert Template(tokenizer).render(request_for()).token_ids.count(0) == 1


def test_a_template_that_refuses_every_prompt_is_a_problem(tokenizer_with, request_for):
    look = preview(loaded_with(tokenizer_with(NO_SYSTEM)), "m", [request_for(system="Be brief.")])

    [problem] = found_by(look, "template", Level.PROBLEM)
    assert "System role not supported" in problem
    assert look.longest == 0


def test_a_template_that_refuses_some_prompts_names_one(tokenizer_with, request_for):
    requests = [request_for("a"), request_for("b", prompt_id="p2", system="Be brief.")]

    [warning] = warnings_on(tokenizer_with(NO_SYSTEM), *requests)

    assert "p2 and those like it will fail" in warning


def test_without_a_template_the_plain_form_is_announced(tokenizer_with, request_for):
    [warning] = warnings_on(tokenizer_with(None), request_for())

    assert "no chat template" in warning


@pytest.mark.parametrize(
    ("characters", "max_tokens", "context", "level", "said"),
    [
        (10, 20, 40, Level.OK, "14 tokens"),
        (10, 20, None, Level.OK, "sets no bound"),
        (10, 27, 40, Level.WARNING, "Set max_tokens to 26 or less"),
        (10, 40, 40, Level.PROBLEM, "Set max_tokens to 26"),
        (40, 5, 40, Level.PROBLEM, "Shorten the prompt"),
    ],
)
def test_the_longest_prompt_is_held_against_the_context(
    tokenizer, request_for, characters, max_tokens, context, level, said
):
    requests = [request_for("short"), request_for("x" * characters, prompt_id="long", max_tokens=max_tokens)]

    [message] = found_by(preview(loaded_with(tokenizer, context), "m", requests), "context", level)

    assert said in message


def test_it_is_said_how_many_prompts_leave_no_room_for_an_answer(tokenizer, request_for):
    requests = [request_for("x" * size, prompt_id=f"p{size}", max_tokens=20) for size in (5, 17, 18, 19)]

    [message] = found_by(preview(loaded_with(tokenizer, 40), "m", requests), "context", Level.WARNING)

    assert message.endswith("Too long with an answer: 3 of the 4 prompts counted.")


def test_the_system_text_that_is_quoted_is_the_one_that_is_recorded(tokenizer_with, request_for):
    asked, template = request_for(), "{{ bos_token }}Today is {{ strftime_now('%d %b %Y') }}\n" + TURNS
    loaded = Loaded(tokenizer_with(template), {}, Template(tokenizer_with(template), "2026-07-26"))

    first, _ = found_by(preview(loaded, "m", [asked]), "template", Level.NOTE)

    assert loaded.template.render(asked).record["system"] == "Today is 26 Jul 2026"
    assert "“Today is 26 Jul 2026”" in first


def test_a_tokenizer_that_knows_fewer_tokens_is_a_warning(tokenizer_with, request_for):
    tokenizer = tokenizer_with()
    tokenizer.model_max_length = 10

    [message] = found_by(preview(loaded_with(tokenizer), "m", [request_for("x" * 20)]), "context", Level.WARNING)

    assert "10 are the most" in message


def test_a_checkpoint_is_loaded_as_a_run_loads_it(checkpoint, tiny_spec):
    loaded = load_tokenizer(tiny_spec, checkpoint)

    assert loaded.context == 256
    assert loaded.config["num_key_value_heads"] == 2


def test_the_context_of_a_model_of_several_kinds_is_its_texts(tokenizer, checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "copy")
    text = json.loads((folder / "config.json").read_text()) | {"model_type": "gemma3_text"}
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}))

    assert load_tokenizer(LocalModelSpec("m", path=str(folder)), folder).context == 256


def test_a_tokenizer_that_cannot_be_loaded_is_an_error_that_says_what_to_do(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "copy")
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelUnavailable, match="Fetch the model again"):
        load_tokenizer(LocalModelSpec("m", path=str(folder)), folder)
