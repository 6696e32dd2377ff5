"""`DataFile`: the type of an option that is a file."""

from pathlib import Path
from typing import TypeAlias

DataFile: TypeAlias = Path
"""The user names a path on their own machine; a run stores the content, by its hash, and the plugin
gets a path it can open for reading, wherever it is constructed.

That path has a different name and no suffix, so recognise formats by their content. A file that a
plugin opens through an option declared as `str` is not sent: it would be looked for where the run
is trained.
"""
