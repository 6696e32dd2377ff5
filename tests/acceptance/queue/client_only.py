"""A virtual environment as `pip install .` makes it, without any extra: no torch, MLflow or SQL."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
OURS = ("services/bptt", "plugins/bptt_plugins", "migrations/bptt_migrations")


def make_client_only(folder: Path) -> Path:
    """Make the environment of links to what is installed here; return its `bptt`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    (site,) = folder.glob("lib/python*/site-packages")
    for source in OURS:
        (site / Path(source).name).symlink_to(ROOT / source)
    for name in sorted(_needed("bptt")):
        distribution = metadata.distribution(name)
        files = distribution.files or []
        # of our own, which is installed as a link to its source, the metadata alone
        parts = {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}
        for part in sorted(parts):
            wanted = name != "bptt" or part.endswith(".dist-info")
            if wanted and not (site / part).exists():
                (site / part).symlink_to(Path(str(distribution.locate_file(part))).absolute())
    program = folder / "bin" / "bptt"
    program.write_text(f"#!{folder}/bin/python\nfrom bptt.cli import main\nmain()\n")
    program.chmod(0o755)
    return program


def _needed(name: str) -> set[str]:
    """Return a distribution and everything that it needs without extras."""
    found: set[str] = set()
    left = [name]
    while left:
        one = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if one in found:
            continue
        found.add(one)
        for text in metadata.requires(one) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
    return found


def environment(**variables: str) -> dict[str, str]:
    """Return this environment without what names a queue, and with other variables."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BPTT_")}
    return own | {"COLUMNS": "120"} | variables
