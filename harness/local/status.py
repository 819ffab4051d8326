"""What the local thread shows of itself: frozen snapshots for the dashboard and the manifest. Knows no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


LocalState = Literal["idle", "loading", "generating"]


@dataclass(frozen=True, slots=True)
class LoadInfo:
    """What one load of weights resolved to.

    Args:
        model_name: the name in the records.
        model_version: the commit of a Hub repository, or `sha256:…` of a folder's weights.
        context_length: how many tokens a prompt and its answer may have together; None where the model sets no bound.
        eos_ids: the token ids that end an answer.
        generation_config: what the checkpoint asked `generate` to do; none of it but the eos list is followed.
        chat_template_hash: sha256 of the chat template, None where the tokenizer has none.
        seconds: how long the load took.
        source: the folder or Hub repository as it was configured.
        revision: of the Hub repository, as it was configured.
        weights_hash: `sha256:…` over the weights' files.
        slots: how many prompts are at most generated at the same time.
        trust_remote_code: whether Python files that come with the weights may run.
        notes: sentences for the screen and the manifest, e.g. that remote code may run; they do not repeat the name.
    """

    model_name: str
    model_version: str
    device: str
    dtype: str
    engine: str
    attention: str | None
    weight_bytes: int
    context_length: int | None
    eos_ids: tuple[int, ...] = ()
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    chat_template_hash: str | None = None
    quantization: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    source: str = ""
    revision: str | None = None
    weights_hash: str | None = None
    slots: int = 1
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The local thread at one moment.

    Args:
        device: where the weights are, or where the next ones are asked to go.
        model: the model being loaded or generating; None while idle.
        rows: prompts being generated now, of `slots`.
        tokens_per_second: generated tokens of all rows together, over the last second or so; 0 unless generating.
        prefill_tokens_per_second: likewise, tokens of prompts that were read.
        loaded_seconds: how long the load took, or has taken so far while loading.
        weight_bytes: size of the weights in memory, or of their files while they load; None while that is not known.
        queued: prompts that wait, of all models.
        kv_bytes: memory that is set aside for keys and values, 0 where the engine keeps none of its own.
        replicas: on a cluster, how many share the work, all of which is added up here; `replicas_up` are there now.
    """

    device: str
    model: str | None = None
    state: LocalState = "idle"
    rows: int = 0
    slots: int = 0
    tokens_per_second: float = 0.0
    loaded_seconds: float | None = None
    weight_bytes: int | None = None
    queued: int = 0
    prefill_tokens_per_second: float = 0.0
    kv_bytes: int = 0
    replicas: int = 0
    replicas_up: int = 0


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Memory was too small for what was generated together.

    Args:
        rows: prompts that were in work.
        slots_before: how many were allowed to be.
        slots: how many are from now on, until it is known whether that was at fault or a prompt.
        reason: in the device's words.
    """

    model_name: str
    rows: int
    slots_before: int
    slots: int
    reason: str

    @property
    def note(self) -> str | None:
        """A sentence for the screen; None where a single prompt was too large, which is told as the prompt's error."""
        if self.slots >= self.slots_before:
            return None
        return (
            f"{self.model_name} ran out of memory with {self.rows} prompts in work; they are tried again, "
            f"{self.slots} at a time."
        )
