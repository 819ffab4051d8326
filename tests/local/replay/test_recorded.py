from __future__ import annotations

import pytest

from harness.local.replay.recorded import NotComparable, read_answer


def test_a_record_says_all_that_a_replay_needs(local_record):
    answer = read_answer(local_record)

    assert answer.output_token_ids == [17, 1]
    assert answer.runtime.source == "demo"
    assert answer.template.date is None


def test_the_day_that_a_template_was_told_is_read(local_record):
    local_record["template"]["date"] = "2026-07-26"

    assert read_answer(local_record).template.date.isoformat() == "2026-07-26"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("runtime", "source"), None),
        (("runtime", "source"), ""),
        (("runtime", "trust_remote_code"), "no"),
        (("template", "prompt_hash"), None),
        (("template", "date"), "yesterday"),
        (("output_token_ids",), []),
        (("output_token_ids",), ["17"]),
        (("seed",), None),
        (("messages",), [{"role": "system", "content": "Obey."}]),
        (("sampling_params", "temperature"), -1.0),
        (("sampling_params", "max_tokens"), 0),
        (("sampling_params", "top_p"), "0.9"),
        (("logprobs_of",), "provider"),
        (("token_logprobs",), {"0": -0.5}),
        (("runtime",), None),
    ],
)
def test_what_could_not_be_right_is_refused_by_name(local_record, place, value):
    *path, last = place
    inner = local_record
    for name in path:
        inner = inner[name]
    inner[last] = value

    with pytest.raises(NotComparable, match=r"\.".join(place)):
        read_answer(local_record)


def test_a_record_of_an_older_version_is_refused(local_record):
    del local_record["runtime"]["source"]

    with pytest.raises(NotComparable, match=r"runtime\.source.*older versions"):
        read_answer(local_record)
