"""Tiny random-weight models with a byte tokenizer, written to a temporary folder, and requests for them."""

from __future__ import annotations

import functools
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from harness.local.spec import LocalModelSpec
from harness.local.worker.jobs import Batch
from harness.schema import LogprobsSpec, Message, Prompt, ProviderType, Request, SamplingParams, Variant

if TYPE_CHECKING:
    from pathlib import Path

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build_tokenizer(chat_template: str | None = CHAT_TEMPLATE):
    """Bytes as tokens, so that any text is tokenized; ids 0 to 4 are special."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "</s>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate([*special, *alphabet])}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = chat_template
    return tokenizer


def build_checkpoint(folder: Path, *, seed: int = 0, chat_template: str | None = CHAT_TEMPLATE, **generation) -> Path:
    """A two-layer Llama with weights from `seed`, large enough at random that its answers are not all alike."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    tokenizer = build_tokenizer(chat_template)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=1, bos_token_id=0, **generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_request(text: str = "What is a firewall?", **changes) -> Request:
    """A request, with sampling parameters and a few other things by name."""
    sampling = SamplingParams(
        temperature=changes.pop("temperature", 0.0),
        max_tokens=changes.pop("max_tokens", 12),
        top_p=changes.pop("top_p", None),
        top_k=changes.pop("top_k", None),
        min_p=changes.pop("min_p", None),
        repetition_penalty=changes.pop("repetition_penalty", None),
        stop=changes.pop("stop", ()),
    )
    variant = Variant(
        name="tiny",
        provider=ProviderType.LOCAL,
        model="tiny",
        sampling=sampling,
        run_seed=1,
        logprobs=changes.pop("logprobs", LogprobsSpec()),
        chat_template_kwargs=changes.pop("chat_template_kwargs", {}),
    )
    return Request(
        item_id=changes.pop("id", text),
        prompt=Prompt(id=changes.pop("prompt_id", text), text=text),
        variant=variant,
        repeat=0,
        seed=changes.pop("seed", 7),
        messages=changes.pop("messages", (Message("user", text),)),
        system=changes.pop("system", None),
        **changes,
    )


class Desk(Batch):
    """A batch without a thread: keeps what is delivered, and the step it was delivered at.

    `waiting` are requests that an engine may take while it goes on, `rows` the rows that were in work at each step.
    """

    def __init__(self, requests, stop_after: int | None = None, *, slots: int = 16, waiting=()):
        self.jobs = [self._job(index, request) for index, request in enumerate((*requests, *waiting))]
        self._waiting = self.jobs[len(requests) :]
        super().__init__(
            self.jobs[: len(requests)],
            slots=slots,
            stopping=lambda: self.steps == stop_after,
            progress=self,
            take=self._some,
        )
        self.outcomes: dict[int, object] = {}
        self.delivered_at: dict[int, int] = {}
        self.rows: list[int] = []
        self.prefills: list[int] = []
        self.kv_bytes: list[int] = []

    @property
    def steps(self) -> int:
        return len(self.rows)

    def stepped(self, rows: int, seconds: float) -> None:
        self.rows.append(rows)

    def prefilled(self, tokens: int, seconds: float, first_tokens: int = 0) -> None:
        self.prefills.append(tokens)

    def keeps(self, kv_bytes: int) -> None:
        self.kv_bytes.append(kv_bytes)

    def _job(self, index: int, request):
        return SimpleNamespace(request=request, abandoned=False, deliver=lambda outcome: self._keep(index, outcome))

    def _some(self, limit: int):
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        return taken

    def _keep(self, index: int, outcome: object) -> None:
        self.outcomes[index] = outcome
        self.delivered_at[index] = self.steps


@pytest.fixture(scope="session")
def request_for():
    return build_request


@pytest.fixture
def desk():
    return Desk


@pytest.fixture(scope="session")
def tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="session")
def tokenizer_with():
    return build_tokenizer


@pytest.fixture(scope="session")
def checkpoint_in():
    return build_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_spec(checkpoint) -> LocalModelSpec:
    return LocalModelSpec("tiny", path=str(checkpoint), device="cpu")


@pytest.fixture(scope="session")
def tiny(tiny_spec):
    """The tiny Llama in memory."""
    from harness.local.loading import load

    return load(tiny_spec)


@pytest.fixture(scope="session")
def loaded_as(tokenizer, tiny_spec, tmp_path_factory):
    """The model of an architecture of the zoo, written to a folder and loaded from it."""
    from harness.local.loading import load
    from tests.local.zoo import build_model

    def make(name):
        folder = tmp_path_factory.mktemp("model")
        build_model(name, len(tokenizer)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return load(replace(tiny_spec, model_name=name, path=str(folder)))

    return make


@pytest.fixture(scope="session")
def engine_of(tiny_spec):
    """Make an engine that answers with a loaded model; options are those of its spec."""
    from harness.local.engine import LocalEngine

    def make(loaded, **options) -> LocalEngine:
        engine = LocalEngine(replace(tiny_spec, **options), loader=lambda *_: replace(loaded))
        engine.load(lambda _: None)
        return engine

    return make


@pytest.fixture
def continuous(tiny, engine_of):
    """An engine with the continuous loop, whose limits a test may change."""
    return engine_of(tiny, engine="continuous")


@pytest.fixture(scope="session", params=["continuous", "generate"])
def engine(request, tiny, engine_of):
    """An engine of either kind with the tiny Llama, shared: it keeps nothing from one batch to the next."""
    return engine_of(tiny, engine=request.param)


@pytest.fixture(scope="session")
def answers():
    """Answer requests in one batch of an engine; outcomes in their order."""

    def run(engine, *requests, **options):
        desk = Desk(requests, **options)
        engine.generate(desk)
        return [desk.outcomes[i] for i in range(len(desk.jobs))]

    return run


@pytest.fixture
def answer(engine, answers):
    """Answer requests in one batch of `engine`."""
    return functools.partial(answers, engine)


@pytest.fixture
def on_forward(monkeypatch):
    """Have `change(number, output)` see each pass of a model, counted from 1; what it raises, the pass raises."""

    def install(model, change) -> list[int]:
        forward, seen = model.forward, []

        @functools.wraps(forward)
        def changed(*args, **kwargs):
            output = forward(*args, **kwargs)
            seen.append(len(seen) + 1)
            change(seen[-1], output)
            return output

        monkeypatch.setattr(model, "forward", changed)
        return seen

    return install
