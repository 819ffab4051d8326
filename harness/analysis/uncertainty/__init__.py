"""How sure a model was of what it said, from the logprobs of its tokens, and how well that tells hallucinations.

- `raw`: what a record holds, as logprobs before temperature, or nothing where that cannot be told
- `measures`: the formulas, an answer at a time
- `auroc`: how well a measure tells two classes apart
- `assessed`: measures and labels of a whole folder, per variant
- `rows`: one row for each answer, as CSV or JSON lines; `table`: for a terminal; `command`: `uncertainty DIR`
"""

from harness.analysis.uncertainty.command import uncertainty_command
from harness.analysis.uncertainty.measures import Measures, measures_of

__all__ = ["Measures", "measures_of", "uncertainty_command"]
