"""Local generation: Hugging Face causal language models, batched in a thread of their own beside the event loop.

Importing this package, `spec`, `status`, `jobs`, `batcher` or `provider` imports no torch.
"""
