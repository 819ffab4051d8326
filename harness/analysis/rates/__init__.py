"""How often answers are hallucinated, correct, abstained, refused or truncated, and whether variants differ in it."""

from harness.analysis.rates.differences import Difference, Differences, differences_of
from harness.analysis.rates.outcomes import Judged, Outcome, Standing, judged
from harness.analysis.rates.rates import Rate, RateGroup, Rates, rates_of

__all__ = [
    "Difference",
    "Differences",
    "Judged",
    "Outcome",
    "Rate",
    "RateGroup",
    "Rates",
    "Standing",
    "differences_of",
    "judged",
    "rates_of",
]
