"""`DataFile`: the type of an option that is a file."""

from pathlib import Path
from typing import TypeAlias

DataFile: TypeAlias = Path
"""The user names a path on their own machine; a run keeps the content, by its hash, and the plugin
gets a path it can open for reading, wherever it is constructed.

That path has another name and no suffix, so a format is told by the content. A file that a plugin
opens by an option declared as `str` is not sent: it would be looked for where the run is trained.
"""
