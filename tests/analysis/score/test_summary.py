from __future__ import annotations

from harness.analysis.score import marks_of
from harness.analysis.score.summary import Share, count_marks


def counted(*records):
    return count_marks((one, marks_of(one)) for one in records)


def test_shares_are_per_variant_and_kind_of_prompt(record, gold):
    probe = {"is_synthetic_probe": True, "prompt_metadata": gold | {"gold_label": {"exists": False}}}
    real, synthetic, other = counted(
        record(1, "It affects Red Hat JBoss RichFaces Framework; see CVE-2020-0001."),
        record(2, "I cannot confirm that."),
        record(3, "I can't help with that."),
        record(4, "CVE-2018-14667 does not exist.", **probe),
        record(5, "It affects Tomcat.", **probe),
        record(6, "It affects Tomcat.", variant="n@0.0", is_synthetic_probe=None, prompt_metadata={}),
    )
    assert (real.variant, real.kind, real.answers) == ("m@0.0", "real", 3)
    assert (real.abstained, real.refused, real.citing) == (Share(1, 3), Share(1, 3), Share(1, 3))
    assert (real.agrees, real.unclear) == (Share(1, 1), Share(2, 3))
    # "published CVE record" is in no answer; the product is in one of three.
    assert real.points == Share(1, 6)
    assert (synthetic.kind, synthetic.agrees, synthetic.points) == ("synthetic", Share(1, 2), Share(0, 0))
    assert (other.variant, other.kind) == ("n@0.0", "unknown")
    assert (other.agrees, other.unclear, other.points) == (Share(0, 0),) * 3


def test_simulated_answers_enter_no_share(record):
    [mixed] = counted(record(1, "I cannot confirm that.", simulated=True), record(2, "It affects Red Hat JBoss."))
    assert (mixed.answers, mixed.simulated) == (2, 1)
    assert (mixed.abstained, mixed.agrees, mixed.unclear) == (Share(0, 1), Share(1, 1), Share(0, 1))
