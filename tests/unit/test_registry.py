"""Discovery, loading and type checks, on distributions written as an installer writes them."""

import subprocess
import sys

import pytest

from bptt import registry
from bptt.api.installed import unknown
from bptt.errors import (
    BrokenPlugin,
    ContractViolation,
    DuplicatePlugin,
    MissingExtra,
    UnknownPlugin,
)

CLIPPER = """
from bptt.contracts import Clipper
class Mine(Clipper):
    def clip(self, gradients, parameters, state): ...
"""


def test_built_ins_are_discovered_in_alphabetical_order():
    names = list(registry.discover("cell"))

    assert {"gru", "lstm", "rnn"} <= set(names)
    assert names == sorted(names)


def test_discovery_imports_neither_plugins_nor_torch_nor_pydantic():
    program = (
        "import sys; from bptt import registry\n"
        "found = [registry.discover(kind) for kind in registry.KINDS]\n"
        "heavy = {'torch', 'pydantic', 'bptt_plugins', 'bptt.contracts'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy or not any(found) else 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_discovered_plugin_knows_where_it_comes_from(install_plugin):
    install_plugin(source="raise RuntimeError('imported')")

    plugin = registry.find("clipper", "mine")

    assert plugin == registry.Plugin("clipper", "mine", "acme-clippers", "1.2", "acme_mine:Mine")
    assert (plugin.origin, plugin.label) == ("acme-clippers 1.2", "acme-clippers[mine] 1.2")


def test_every_kind_has_its_own_group(install_plugin):
    groups = "".join(f"[bptt.{kind}s]\nmine = acme_mine:{kind}\n" for kind in registry.KINDS)
    install_plugin(groups + "[bptt.others]\nother = acme_mine:x\n")

    values = {kind: registry.find(kind, "mine").value for kind in registry.KINDS}

    assert values == {kind: f"acme_mine:{kind}" for kind in registry.KINDS}


def test_load_returns_the_class(install_plugin):
    install_plugin(source=CLIPPER)

    plugin_class = registry.load("clipper", "mine")

    assert plugin_class is sys.modules["acme_mine"].Mine


def test_unknown_name_is_answered_with_the_nearest_and_all_installed():
    with pytest.raises(UnknownPlugin, match="did you mean 'lstm'") as raised:
        registry.load("cell", "lstmm")

    assert raised.value.installed == list(registry.discover("cell"))


def test_name_of_two_distributions_is_refused_naming_both(install_plugin):
    install_plugin(source=CLIPPER, folder="one")
    install_plugin(module="zeta_mine", name="zeta", version="3", folder="two")

    with pytest.raises(DuplicatePlugin) as raised:
        registry.load("clipper", "mine")

    assert raised.value.distributions == ["acme-clippers 1.2", "zeta 3"]


def test_clash_of_two_distributions_harms_no_other_plugin(install_plugin):
    more = "[bptt.clippers]\nmine = acme_mine:Mine\nother = acme_mine:Mine\n"
    install_plugin(more, source=CLIPPER, folder="one")
    install_plugin(module="zeta_mine", name="zeta", folder="two")

    found = registry.discover("clipper")

    assert [plugin.distribution for plugin in found["mine"]] == ["acme-clippers", "zeta"]
    assert registry.load("clipper", "other").__name__ == "Mine"
    assert registry.load("clipper", "none").__name__ == "NoClipping"


def test_built_in_name_can_not_be_taken_over(install_plugin):
    install_plugin("[bptt.cells]\nlstm = acme_mine:Mine\n", source=CLIPPER)

    with pytest.raises(DuplicatePlugin, match=r"acme-clippers 1\.2 and bptt"):
        registry.find("cell", "lstm")


@pytest.mark.parametrize("again", ["acme-clippers", "Acme.Clippers", "acme_clippers"])
def test_distribution_seen_twice_on_the_path_is_no_clash(install_plugin, again):
    install_plugin(name=again, folder="build", source=CLIPPER)
    install_plugin(folder="site", source=CLIPPER)

    assert registry.find("clipper", "mine").distribution == "acme-clippers"


def test_first_version_on_the_path_is_the_one_that_counts(install_plugin):
    install_plugin(version="1.0", folder="older", source=CLIPPER)
    install_plugin("[bptt.clippers]\n", version="2.0", folder="newer", source=CLIPPER)

    assert "mine" not in registry.discover("clipper")


def test_distribution_installed_after_the_first_discovery_is_found(install_plugin):
    install_plugin(source=CLIPPER)
    registry.find("clipper", "mine")
    second = "[bptt.clippers]\nlater = acme_later:Mine\n"

    install_plugin(second, module="acme_later", name="acme-later", source=CLIPPER)

    assert registry.find("clipper", "later").distribution == "acme-later"


@pytest.mark.parametrize(("needs", "there"), [("click>=8", True), ("no-such-package>=1", False)])
def test_plugin_of_an_extra_is_there_if_what_the_extra_asks_for_is(install_plugin, needs, there):
    entries = "[bptt.clippers]\nmine = acme_mine:Mine\nfar = acme_mine:Mine [more]\n"
    info = install_plugin(entries, source=CLIPPER)
    with (info / "METADATA").open("a") as metadata:
        metadata.write(f'Provides-Extra: more\nRequires-Dist: {needs}; extra == "more"\n')
        metadata.write('Requires-Dist: neither; extra == "other"\n')

    assert registry.load("clipper", "mine").__name__ == "Mine"
    assert ("far" in registry.discover("clipper")) == there
    if there:
        assert registry.find("clipper", "far").needs_extra
        assert registry.load("clipper", "far") is registry.load("clipper", "mine")
    else:
        line = r"^The clipper 'far' needs packages .* pip install 'acme-clippers\[more\]'\.$"
        with pytest.raises(MissingExtra, match=line) as raised:
            registry.find("clipper", "far")
        # what `plugins show` and `plugins check` say
        assert unknown("far") == str(raised.value)


@pytest.mark.parametrize("content", ["[bptt.clippers]\nno equals sign\n", "\udcff"])
def test_unreadable_metadata_of_one_distribution_hides_only_its_own(install_plugin, content):
    info = install_plugin()
    info.joinpath("entry_points.txt").write_bytes(content.encode("utf-8", "surrogateescape"))

    found = registry.discover("clipper")

    assert "mine" not in found
    assert "none" in found


def test_distribution_without_metadata_is_still_listed(install_plugin):
    install_plugin().joinpath("METADATA").unlink()

    plugin = registry.find("clipper", "mine")

    assert plugin.origin == "unknown distribution ?"


def test_distribution_without_metadata_is_listed_where_another_finder_is_imported(install_plugin):
    info = install_plugin()
    info.joinpath("METADATA").unlink()
    # it takes over from Python's own for the rest of a process
    program = (
        "import importlib_metadata, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from bptt import registry\n"
        "print(registry.find('clipper', 'mine').origin)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(info.parent)], capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("unknown distribution ?\n", "")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise ValueError('first line\\n  second.')", "ValueError: first line second. Mend"),
        ("import no_such_module", "No module named 'no_such_module'. Install no_such_module"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Odd(BaseException): pass\nraise Odd", "Odd. Mend or uninstall acme-clippers."),
        ("raise ModuleNotFoundError(name='torch')", "pip install 'bptt[worker]'"),
    ],
    ids=["error", "missing module", "syntax", "exit", "base exception", "no torch"],
)
def test_plugin_that_fails_to_import_is_broken_in_one_line(install_plugin, source, cause):
    install_plugin(source=source)

    with pytest.raises(BrokenPlugin) as raised:
        registry.load("clipper", "mine")

    message = str(raised.value)
    assert message.startswith("acme-clippers[mine] 1.2 (acme_mine:Mine) cannot be imported: ")
    assert cause in message
    assert "\n" not in message
    assert raised.value.__cause__ is not None


def test_interrupt_during_an_import_stays_an_interrupt(install_plugin):
    install_plugin(source="raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        registry.load("clipper", "mine")


@pytest.mark.parametrize("value", ["acme mine", "acme_mine:", ":Mine", "acme_mine:Nobody", "9:9"])
def test_entry_point_that_leads_nowhere_is_broken(install_plugin, value):
    install_plugin(f"[bptt.clippers]\nmine = {value}\n", source=CLIPPER)

    with pytest.raises((BrokenPlugin, ContractViolation), match=r"^acme-clippers\[mine\] 1\.2"):
        registry.load("clipper", "mine")


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("acme_mine", "a module"),
        ("acme_mine:thing", "a str"),
        ("acme_mine:Stranger", "the class Stranger"),
        ("bptt_plugins.cells.lstm:LSTM", "the class LSTM"),
    ],
)
def test_anything_but_a_subclass_of_the_contract_is_refused(install_plugin, value, got):
    source = "thing = 'x'\nclass Stranger: pass\n"
    install_plugin(f"[bptt.clippers]\nmine = {value}\n", source=source)

    with pytest.raises(ContractViolation) as raised:
        registry.load("clipper", "mine")

    assert str(raised.value) == (
        "acme-clippers[mine] 1.2 must be a subclass of bptt.contracts.Clipper, "
        f"got {got} from {value}."
    )


def test_incomplete_class_is_refused_with_what_it_lacks(install_plugin):
    source = "from bptt.contracts import Task\nclass Mine(Task): pass\n"
    install_plugin("[bptt.tasks]\nmine = acme_mine:Mine\n", source=source)

    with pytest.raises(
        ContractViolation, match="does not define: loss or losses, metrics, sample, solved"
    ):
        registry.load("task", "mine")
