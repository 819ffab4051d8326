"""`report`: one HTML file that shows a run: overview, comparison, and every answer, token by token.

- `data`: records → columns, small enough for a page; `tokens`: logprobs as short strings
- `overview`, `comparison`: the figures, per variant and by category; `diary`, `facts`: from events.jsonl and run.json
- `page`: the file, from the data and the plain files beside this one
- `command`: what is read, where it goes, what is said
"""

from harness.analysis.report.command import report_command, write_report

__all__ = ["report_command", "write_report"]
