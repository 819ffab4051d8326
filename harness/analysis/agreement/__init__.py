"""How far coders agree: percent agreement, Cohen's kappa, Krippendorff's alpha; and `harness agreement`."""

from harness.analysis.agreement.command import agreement_command
from harness.analysis.agreement.confusion import Confusion
from harness.analysis.agreement.estimate import Estimate
from harness.analysis.agreement.measured import Agreement, FieldAgreement, agreement_of

__all__ = ["Agreement", "Confusion", "Estimate", "FieldAgreement", "agreement_command", "agreement_of"]
