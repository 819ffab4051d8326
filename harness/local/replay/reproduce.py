"""From a recorded answer to the weights and the request that would make it again. Reads the record, runs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.config.model import DEMO_MODEL_PATH
from harness.errors import ConfigError
from harness.local.demo import demo_model_path
from harness.local.replay.recorded import NotComparable
from harness.local.spec import ENGINES, LocalModelSpec
from harness.schema import LogprobsSpec, Message, Prompt, ProviderType, Request, SamplingParams, Variant

if TYPE_CHECKING:
    from harness.local.replay.recorded import LocalAnswer
    from harness.local.status import LoadInfo

_COMMIT = re.compile("[0-9a-f]{40}")
_MOST_TOP = 20
_OF_A_FOLDER = "sha256:"


def spec_of(answer: LocalAnswer, *, device: str | None = None, trust_remote_code: bool = False) -> LocalModelSpec:
    """The weights that gave `answer`, in one slot.

    Args:
        device: instead of the kind of device that it was given on.
        trust_remote_code: whether Python files that come with the weights may run, where they might for the record.

    Raises:
        NotComparable: there are no such weights here, or they may not be used.
    """
    runtime = answer.runtime
    if runtime.trust_remote_code and not trust_remote_code:
        raise NotComparable(
            f"Python code that comes with the weights of {runtime.source} may have run for this answer. Read it, then "
            "add --trust-remote-code to let it run here."
        )
    kind = runtime.device.partition(":")[0]
    device = device or kind
    try:
        spec = LocalModelSpec(
            model_name=answer.model,
            path=str(demo_model_path()) if runtime.source == DEMO_MODEL_PATH else runtime.source,
            revision=_commit(answer) or runtime.revision,
            dtype=runtime.dtype,
            device=device,
            engine=runtime.engine if runtime.engine in ENGINES else "auto",
            # What one kind of device computes attention with, another may not have.
            attn_implementation=runtime.attention if device.partition(":")[0] == kind else None,
            quantization=runtime.quantization,
            trust_remote_code=runtime.trust_remote_code,
            slots=1,
        )
        folder = spec.folder
    except (ConfigError, RuntimeError) as error:  # RuntimeError: a ~name that nobody here has
        raise NotComparable(f"The record names what is not known here: {error}") from None
    if (answer.model_version or "").startswith(_OF_A_FOLDER) and (folder is None or not folder.is_dir()):
        raise NotComparable(
            f"The weights came from the folder {runtime.source}, and there is no such folder here. Put it back where "
            "it was; a relative path starts at the folder that the run was started in."
        )
    return spec


def request_of(answer: LocalAnswer) -> Request:
    """What was asked, with the evidence that was recorded and one more of the likeliest tokens.

    By that one it shows how likely a token can be at most that is not among them.
    """
    asked, template = answer.sampling_params, answer.template
    turns = tuple(Message(turn.role, turn.content) for turn in answer.messages or ())
    top = max((len(position.top_logprobs) for position in answer.token_logprobs or ()), default=0)
    variant = Variant(
        name=answer.variant,
        provider=ProviderType.LOCAL,
        model=answer.model,
        sampling=SamplingParams(
            temperature=asked.temperature,
            max_tokens=asked.max_tokens,
            top_p=asked.top_p,
            top_k=asked.top_k,
            stop=tuple(asked.stop or ()),
            min_p=asked.min_p,
            repetition_penalty=asked.repetition_penalty,
        ),
        run_seed=None,
        chat_template_kwargs=template.kwargs or {},
        template_date=template.date.isoformat() if template.date else None,
        # At every position, so that a first difference can be shown wherever it stands.
        logprobs=LogprobsSpec(min(top, _MOST_TOP) + 1, None, answer.logprobs_of or "scores"),
    )
    return Request(
        item_id=answer.item_id,
        prompt=Prompt(answer.prompt_id, answer.prompt, messages=turns or None),
        variant=variant,
        repeat=answer.repeat,
        seed=answer.seed,
        messages=turns or (Message("user", answer.prompt),),
        system=answer.system,
    )


def refuse_other_weights(answer: LocalAnswer, info: LoadInfo) -> None:
    """Make sure that `info` is of the weights that gave `answer`.

    Raises:
        NotComparable: they are others, or the record does not tell.
    """
    then, now = answer.runtime.weights, info.weights_hash
    if then is None or now is None:
        then, now = answer.model_version, info.model_version
    if then is None or then != now:
        raise NotComparable(
            f"The weights of {answer.runtime.source} are not those of the record ({then or 'which names none'}): here "
            f"they are {now}."
        )


def _commit(answer: LocalAnswer) -> str | None:
    """The commit that was served, where it was one: a branch moves on."""
    version = answer.model_version
    return version if version is not None and _COMMIT.fullmatch(version) else None
