"""Labels that were made elsewhere, brought back into a run's folder. Checks everything before it writes anything.

- `command`: the way in
- `filled_table`, `adjudicated_table`, `label_studio_export`: a file as rows; `table_cells`: a cell as a label
- `rows`: what a row is, and what is wrong with it
- `appending`: what is new, added durably
"""

from harness.analysis.importing.command import import_command

__all__ = ["import_command"]
