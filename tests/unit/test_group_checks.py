"""Mistyped groups of entry points are found; other people's groups are not."""

import pytest

from bptt.doctor.groups import groups
from bptt.settings import Settings


@pytest.mark.parametrize("group", ["bptt.cell", "bptt.cels", "bptt_cells", "btpp.cells"])
def test_mistyped_group_is_told_with_its_distribution_and_what_was_meant(
    install_plugin, tmp_path, group
):
    install_plugin(f"[{group}]\nmine = acme_mine:Mine\n")

    (found,) = groups(Settings(home=tmp_path))

    assert (found.level, found.what) == ("warn", "plugins")
    assert found.told == (
        f"acme-clippers has entry points in the group {group!r}, which nothing reads; did you "
        "mean 'bptt.cells'? Allowed: bptt.cells, bptt.clippers, bptt.tasks, bptt.claims."
    )


def test_groups_of_others_and_unreadable_metadata_are_no_finding(install_plugin, tmp_path):
    install_plugin("[console_scripts]\nbptt-mine = acme:main\n[babel.checkers]\nx = acme:x\n")
    install_plugin("[bptt.cell\nno equals sign\n", name="acme-broken", folder="other")

    assert list(groups(Settings(home=tmp_path))) == []
