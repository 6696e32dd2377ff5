"""Which plugins are installed here and what they are; for the command line and the server."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bptt import registry
from bptt.errors import BpttError, DuplicatePlugin, MissingExtra, UnknownPlugin, UserError
from bptt.registry import Plugin

if TYPE_CHECKING:
    from bptt.api.plugin_answers import PluginDetail


def list_installed(long: bool) -> list[dict[str, Any]]:
    """List what is installed, from metadata alone; with `long` each is imported for its summary.

    Plain rows: a list is done before pydantic would be imported.
    """
    return [
        asdict(plugin) | ({"summary": summary(plugin)} if long else {}) for plugin in installed()
    ]


def installed() -> list[Plugin]:
    """Return every plugin, from metadata alone."""
    return [
        plugin
        for kind in registry.KINDS
        for sharing_a_name in registry.discover(kind).values()
        for plugin in sharing_a_name
    ]


def summary(plugin: Plugin) -> str:
    """Import a plugin and return a line on what it is, or why it cannot be imported."""
    try:
        return registry.summary(registry.load_plugin(plugin))
    except BpttError as error:
        return str(error)


def clashes() -> Iterator[str]:
    """Yield a line for each name that several distributions use."""
    for kind in registry.KINDS:
        for name, clashing in registry.discover(kind).items():
            if len(clashing) > 1:
                yield str(DuplicatePlugin(kind, name, [plugin.origin for plugin in clashing]))


def describe(words: Sequence[str]) -> "PluginDetail":
    """Import a plugin and say what it is.

    Args:
        words: its name, after its kind where several kinds have the name.

    Raises:
        UserError: there is no such plugin, or more than one.
        BpttError: it cannot be imported.
    """
    from bptt.api.plugin_answers import InstalledPlugin, PluginDetail, PluginOption

    plugin = _named(words)
    plugin_class = registry.load_plugin(plugin)
    return PluginDetail(
        plugin=InstalledPlugin(**asdict(plugin)),
        about=registry.description(plugin_class),
        options=[
            PluginOption(
                name=option.name,
                allowed=option.allowed,
                required=option.required,
                default=None if option.required else option.default,
                text=option.text,
            )
            for option in registry.options(plugin_class).values()
        ],
    )


def unknown(name: str) -> str:
    """Say that there is no plugin of this name, of any kind, or what it needs to be there."""
    for kind in registry.KINDS:
        try:
            registry.find(kind, name)
        except MissingExtra as lacking:
            return str(lacking)
        except UnknownPlugin:
            continue
    names = {name for kind in registry.KINDS for name in registry.discover(kind)}
    return str(UnknownPlugin("plugin", name, sorted(names)))


def _named(words: Sequence[str]) -> Plugin:
    *kinds, name = words
    if len(kinds) > 1 or not set(kinds) <= set(registry.KINDS):
        raise UserError(
            f"Expected [KIND] NAME with one of the kinds {', '.join(registry.KINDS)}, "
            f"got {' '.join(words)!r}."
        )
    having = [kind for kind in registry.KINDS if name in registry.discover(kind)]
    wanted = [kind for kind in registry.KINDS if kind in kinds] or having
    if len(wanted) > 1:
        raise UserError(
            f"{name!r} is the name of a {' and of a '.join(wanted)}. "
            f"Say which: bptt plugins show {wanted[0]} {name}"
        )
    if not wanted:
        raise UserError(unknown(name))
    return registry.find(wanted[0], name)
