"""Built-in plugins that were imported before a fork are those on the disk, or are forgotten."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bptt_plugins

PROGRAM = """
import os, sys
from bptt import registry

def forked(what):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, repr(what()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()

def look():
    registry.forget_edited()
    known = "bptt_plugins.cells.lstm" in sys.modules
    cell = registry.load("cell", "rnn")
    return getattr(cell, "MARK", None), known, registry.code_of(registry.find("cell", "rnn")).digest

registry.import_built_in()
while input():
    print(forked(look), flush=True)
"""


def test_a_fork_has_them_until_one_is_edited_and_then_what_is_on_the_disk(tmp_path):
    shutil.copytree(Path(bptt_plugins.__file__).parent, tmp_path / "bptt_plugins")
    source = tmp_path / "bptt_plugins" / "cells" / "rnn.py"
    original = source.read_text()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:

        def ask():
            process.stdin.write("?\n")
            process.stdin.flush()
            return eval(process.stdout.readline())

        first = ask()
        source.write_text(original.replace("    states =", "    MARK = 1\n    states =", 1))
        edited = ask()
        source.write_text(original.replace("    states =", "    MARK = 2.0\n    states =", 1))
        again = ask()
        shutil.rmtree(tmp_path / "bptt_plugins" / "cells" / "__pycache__", ignore_errors=True)
        source.write_text(original)
        back = ask()
        process.communicate("\n")

    assert first[:2] == (None, True)
    assert edited[:2] == (1, False)
    assert again[:2] == (2, False)
    # its stamp is another one, so that it was imported anew
    assert back[:2] == (None, False)
