"""What a run's journal tells once it is written: folds over results.jsonl, for people and for programs."""
