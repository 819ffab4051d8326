"""A run's results and labels in the forms that other programs read. Writes beside the journal, never into it.

- `command`: the way in, and the table of formats
- `parquet_table`, `flat_csv`, `flat_jsonl`: every record, for whoever computes; `flat`: what "flattened" means
- `label_studio`, `label_studio_config`, `annotation_csv`: answers to be labelled blind; `blind`: what a coder may see;
  `keys`: whose answers those were
- `adjudicated_csv`: what was decided; `judged`: the labels and the rubric of a folder
- `seed_json`, `seed_folders`: the files that the scripts of the original pilot read
- `jobs`: what a format is given and gives back; `outputs`: which files may be replaced; `names`, `cells`: safe ones
"""

from harness.analysis.export.command import export_command

__all__ = ["export_command"]
