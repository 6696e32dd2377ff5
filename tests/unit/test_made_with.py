"""Runs of a plugin that is installed in place and edited: begun, refused, and told of."""

import json
import re
import shutil
import sys
from dataclasses import replace

import pytest

from bptt import registry
from bptt.cli.made_with import changed_since, made_with
from bptt.cli.summary import summarize
from bptt.errors import PluginChanged
from bptt.execution.assignment import Assignment
from bptt.execution.attempt import begin_attempt
from bptt.execution.execute import begin, execute
from bptt.registry import code_of, find
from bptt.run_file import read_grid_text
from bptt.run_folder import RunFolder
from bptt.settings import Settings

RUN = """
task: {name: latch, length: 4}
cell: rnn
clipper: mine
model: {hidden_size: 2}
training: {steps: 2, batch_size: 2, evaluate_every: 2, evaluation_size: 4}
statistics: {interval: 0}
"""
MINE = """
from bptt_plugins.clippers.none import NoClipping
class Mine(NoClipping):
    "Do nothing."
"""
OF_ITSELF = "with open(__file__, 'a') as own:\n    own.write('at = 1\\n')\n"


@pytest.fixture
def module(install_plugin):
    """The file of a clipper that is installed in place."""
    info = install_plugin(source=MINE)
    address = {"url": info.parent.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(address))
    return info.parent / "acme_mine.py"


@pytest.fixture
def folder(module, tmp_path):
    """A run of it that has begun."""
    (request,) = read_grid_text(RUN, "run.yaml")
    # each command is a process of its own
    del sys.modules["acme_mine"]
    return begin(Settings(home=tmp_path / "home"), request)


def edit(module):
    module.write_text(f"{MINE}    at = 1\n")


def test_run_says_what_it_was_computed_with_and_records_it(folder):
    result = execute(folder, checkpoint_seconds=10)

    run = folder.read_run()
    (plugins, programs, made) = made_with(summarize(folder))
    told = [f"{registry.program_of(text)}" for text in run.plugins.values()]
    (mine,) = [one for one in told if one.startswith("1.2")]
    assert re.fullmatch(r"1\.2\+[0-9a-f]{8}", mine)
    assert programs[0] == "programs"
    assert f"clipper mine {mine}" in programs[1].split(", ")
    assert plugins == ("plugins", "bptt 0.1.0, acme-clippers 1.2")
    assert made == ("made with", f"torch {run.torch}, Python {run.python}, {run.processor}")
    assert (result.torch, result.processor) == (run.torch, run.processor)
    assert run.processor
    assert run.code["acme_mine.py"] in json.dumps(folder.read("run"))
    assert changed_since(run) == {}


def test_run_names_the_files_that_are_not_what_they_were(folder, module):
    edit(module)

    told = "of acme-clippers 1.2, and what is installed now differs in acme_mine.py"
    assert changed_since(folder.read_run()) == {"clipper:mine": told}
    assert made_with(summarize(folder))[0] == (
        "plugins",
        f"bptt 0.1.0, acme-clippers 1.2; clipper mine {told}",
    )


def test_run_says_that_its_plugin_is_gone_or_was_never_recorded(folder, module):
    run = folder.read_run()
    older = replace(run, code=None, plugins={"clipper:mine": "acme-clippers 1.2"})

    assert changed_since(older) == {
        "clipper:mine": "of acme-clippers 1.2, and its code was not recorded then"
    }
    shutil.rmtree(module.parent / "acme_clippers-1.2.dist-info")
    told = changed_since(run)["clipper:mine"]
    assert told.startswith("of acme-clippers 1.2: Unknown clipper 'mine'")


def test_run_does_not_go_on_with_other_code(folder, module):
    execute(folder, checkpoint_seconds=0, should_stop=lambda: True)
    kept = folder.checkpoint.read_bytes()
    edit(module)

    with pytest.raises(PluginChanged, match=rf"^Run {folder.run_id} began with the clipper mine"):
        execute(folder, checkpoint_seconds=10)

    assert folder.checkpoint.read_bytes() == kept
    module.write_text(f"# put back\n{MINE}")
    assert execute(folder, checkpoint_seconds=10).outcome == "finished"


def test_code_that_is_edited_while_it_is_imported_is_refused(folder, module):
    module.write_text(OF_ITSELF + MINE)
    code = code_of(find("clipper", "mine"))
    run = folder.read("run")
    folder.write("run", run | {"plugins": {"clipper:mine": code.text}, "code": dict(code.files)})

    with pytest.raises(PluginChanged, match=r"differs in acme_mine\.py"):
        execute(folder, checkpoint_seconds=10, keep=True)


def test_run_queued_before_code_was_recorded_is_trained_and_says_with_what(folder, module):
    run = folder.read_run()
    plugins = {section: text.partition(" code ")[0] for section, text in run.plugins.items()}
    queued = replace(run, run_id="abcde-0", plugins=plugins, code=None)
    attempt = RunFolder.of_attempt(folder.path.parent, "abcde-0", 1)
    attempt.path.mkdir(parents=True)
    said = []

    begun = begin_attempt(
        Assignment(folder.path.parent, "abcde-0", 1, queued, 10.0, 0.0, 0, ""), said.append
    )

    told = "clipper mine: queued as acme-clippers 1.2; the code here is acme-clippers 1.2 code "
    assert any(line.startswith(told) for line in said)
    assert execute(begun, checkpoint_seconds=10, keep=True).outcome == "finished"
