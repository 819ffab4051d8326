"""The embedded demo model: its training text, its training, and the checkpoint as it is shipped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.local.demo import demo_model_path
from harness.local.demo.corpus import conversations, load_topics, training_conversations

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPTS = Path(__file__).parents[2] / "prompts" / "hallu-sec.json"
SIZE_LIMIT = 6_000_000


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def eight_grams(text: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(text[start:] for start in range(8)), strict=False)


@pytest.fixture(scope="module")
def benchmark() -> list[dict]:
    return json.loads(PROMPTS.read_text(encoding="utf-8"))["prompts"]


@pytest.fixture(scope="module")
def corpus_words() -> list[str]:
    return [word for chat in training_conversations() for turn in chat for word in words(turn["content"])]


@pytest.fixture(scope="module")
def corpus_text(corpus_words) -> str:
    """All words between single spaces, so that ` one two ` finds the phrase and not the beginning of another."""
    return f" {' '.join(corpus_words)} "


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(demo_model_path())


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(demo_model_path())


def test_no_eight_words_of_a_benchmark_prompt_are_in_the_corpus(benchmark, corpus_words):
    asked = {gram for row in benchmark for gram in eight_grams(words(row["prompt"]))}

    assert len(asked) > 500
    assert asked.isdisjoint(eight_grams(corpus_words))


def test_no_entity_of_the_benchmark_is_in_the_corpus(benchmark, corpus_text):
    entities = {row["entity"] for row in benchmark}

    assert len(entities) > 50
    assert [entity for entity in entities if f" {' '.join(words(entity))} " in corpus_text] == []


def test_the_corpus_names_no_cve(corpus_words):
    assert "cve" not in corpus_words


def test_a_seed_decides_the_corpus_and_a_short_run_begins_a_longer_one():
    longer = list(conversations(5, 40))

    assert longer[:15] == list(conversations(5, 15))
    assert longer != list(conversations(6, 40))


def test_a_conversation_is_an_optional_system_text_and_then_questions_and_answers_in_turn():
    for chat in conversations(5, 300):
        roles = [turn["role"] for turn in chat if turn["role"] != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert roles
        assert all(turn["role"] != "system" for turn in chat[1:])
        assert not any(re.search(r"[{}]", turn["content"]) for turn in chat)


def test_asking_where_the_model_lies_imports_no_torch():
    code = "import sys, harness.local.demo; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_from_the_same_seed_writes_the_same_folder(tmp_path, capsys):
    from transformers import AutoTokenizer

    from harness.local.demo.train import Recipe, by_steps, train

    recipe = Recipe(conversations=40, vocabulary=400)
    for name in ("one", "two"):
        train(tmp_path / name, by_steps(2), recipe)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert "model.safetensors" in files
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    assert len(AutoTokenizer.from_pretrained(tmp_path / "one")) == 400


def test_a_limit_in_minutes_counts_the_clock_and_not_the_steps():
    from harness.local.demo.train import by_minutes

    now = iter([100.0, 130.0, 220.0])
    progress = by_minutes(2.0, clock=lambda: next(now))

    assert [progress(999), progress(1000)] == [0.25, 1.0]


def test_packing_begins_every_window_with_a_whole_conversation():
    from harness.local.demo.train import pack

    windows = pack([[1, 2, 3], [1, 4], [1, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]], window_tokens=6, pad_id=0)

    assert windows.tolist() == [[1, 2, 3, 1, 4, 0], [1, 5, 6, 7, 0, 0], [1, 2, 3, 4, 5, 6]]


class TestTheShippedCheckpoint:
    """Loaded as a user would load it, from the folder alone."""

    @pytest.fixture
    def answer(self, tokenizer, model):
        """Token ids of the answer to one question, the end included if it came."""
        import torch

        def generate(question: str, temperature: float = 0.0, seed: int = 0) -> list[int]:
            torch.set_num_threads(1)
            chat = [{"role": "user", "content": question}]
            inputs = tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {}
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                ids = model.generate(**inputs, max_new_tokens=200, **sampling)[0]
            return ids[inputs["input_ids"].shape[1] :].tolist()

        return generate

    def test_weighs_no_more_than_six_megabytes_with_everything_beside_it(self):
        files = [path for path in demo_model_path().iterdir() if path.is_file()]

        assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= {
            f.name for f in files
        }
        assert sum(path.stat().st_size for path in files) <= SIZE_LIMIT

    def test_loads_without_a_network_in_single_precision(self):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(demo_model_path(), local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(demo_model_path(), local_files_only=True)

        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert 1_000_000 < model.num_parameters() < 3_000_000
        assert model.config.max_position_embeddings == tokenizer.model_max_length == 131_072
        assert model.config.vocab_size == len(tokenizer)

    def test_stops_at_the_token_that_ends_a_turn(self, model, tokenizer):
        assert model.generation_config.eos_token_id == tokenizer.eos_token_id
        assert tokenizer.pad_token_id not in {tokenizer.eos_token_id, tokenizer.bos_token_id, None}

    def test_the_template_alone_writes_the_beginning_and_writes_it_once(self, tokenizer):
        chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " What is TLS? "}]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)

        assert text == "<|begin|><|system|>Be brief.<|end|><|user|>What is TLS?<|end|><|assistant|>"
        assert tokenizer(text)["input_ids"].count(tokenizer.bos_token_id) == 1
        assert tokenizer("What is TLS?")["input_ids"].count(tokenizer.bos_token_id) == 0

    def test_the_template_refuses_a_role_it_was_not_trained_with(self, tokenizer):
        from jinja2 import TemplateError

        with pytest.raises(TemplateError, match="not tool"):
            tokenizer.apply_chat_template([{"role": "tool", "content": "42"}])

    @pytest.mark.parametrize("text", ["Grüße, 世界 \U0001f512\n\tdef f(x): return 1_000", "<not a token> 20-31"])
    def test_any_text_survives_the_tokenizer(self, tokenizer, text):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text

    def test_predicts_conversations_it_has_not_seen(self, model, tokenizer):
        import torch

        from harness.local.demo.train import encode, next_token_loss, pack

        windows = pack((encode(tokenizer, chat) for chat in conversations(1, 60)), 256, tokenizer.pad_token_id)
        with torch.inference_mode():
            assert next_token_loss(model, windows).item() < 0.5

    def test_greedy_answers_are_sentences_on_the_topic_and_end_by_themselves(self, answer, tokenizer):
        asked = load_topics()[::5]
        on_topic = 0
        for topic in asked:
            ids = answer(f"How do we begin with {topic['names'][0]}?")
            text = tokenizer.decode(ids, skip_special_tokens=True)
            assert ids[-1] == tokenizer.eos_token_id
            assert text.endswith(".")
            beginnings = [sentence.split("{")[0] for sentence in topic["how"] + topic["what"]]
            on_topic += any(beginning in text for beginning in beginnings)
        assert on_topic >= 0.7 * len(asked)

    def test_answers_to_the_benchmark_are_readable_and_of_many_lengths(
        self, answer, tokenizer, benchmark, corpus_words
    ):
        known = set(corpus_words)
        answers = [answer(row["prompt"], temperature=0.7, seed=i) for i, row in enumerate(benchmark[::12])]
        said = [word for ids in answers for word in words(tokenizer.decode(ids, skip_special_tokens=True))]

        assert sum(word in known for word in said) > 0.95 * len(said)
        assert sum(ids[-1] == tokenizer.eos_token_id and len(ids) <= 150 for ids in answers) > 0.8 * len(answers)
        assert len({len(ids) for ids in answers}) > len(answers) / 2
