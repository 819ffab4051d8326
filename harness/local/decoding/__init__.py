"""Prompts in, tokens and their logprobs out: the loops over `model.forward`. Knows no queue and no thread."""

from __future__ import annotations
