"""Every command, by what the acceptance tests try it for; `tests/architecture` sees to it.

A new command is added to one dict or list of each question that concerns it.
"""

# --- on a laptop, installed without extras

LOCAL = {
    "up": ["up"],
    "worker": ["worker"],
    "run": ["run", "far.yaml"],
    "ship": ["ship"],
    "api": ["api"],
    "heartbeat": ["heartbeat"],
    "database": ["database", "upgrade"],
    "down": ["down"],
}
"""What is for the machine that trains alone."""

ASKING = [
    *(["submit", "far.yaml", "--dry-run"], ["extend", "{grid}", "--set", "seeds=3"]),
    *(["grid", "far.yaml"], ["grid", "far.yaml", "--json"]),
    *(["grids"], ["runs"], ["runs", "{grid}"], ["status"], ["status", "--json"], ["doctor"]),
    *(["show"], ["show", "{grid}"], ["show", "{run}"]),
    *(["hold", "{grid}"], ["release", "{grid}"], ["priority", "{grid}", "3"]),
    *(["plugins", "list"], ["plugins", "list", "--long"], ["plugins", "list", "--json"]),
    *(["plugins", "show", "lstm"], ["plugins", "show", "cell", "gru", "--json"]),
    *(["plugins", "check", "rnn"], ["plugins", "check", "lstm", "--set", "forget_bias=3"]),
    *(["tokens", "list"], ["users", "list"], ["users", "set", "root", "--weight", "2"]),
    *(["ui"], ["ui", "--json"], ["fill", "{grid}"]),
    *(["cancel", "{run}"], ["retry", "{run}"], ["compare", "{grid}"], ["logs", "{run}"]),
    ["compare", "{grid}", "{other}", "--json"],
    *(["cancel", "{grid}", "--yes"], ["watch", "{grid}", "--json"], ["delete", "{grid}", "--yes"]),
]
"""What a server answers; `{grid}`, `{other}` and `{run}` are its ids, far.yaml a grid file."""

# --- two users with a grid of one name

READING = {
    "watch": ["{grid}"],
    "compare": ["{grid}"],
    "show": ["{grid}"],
    "ui": ["{grid}"],
    "runs": ["{grid}"],
    "logs": ["{point}"],
}
CHANGING = {
    "cancel": ["{grid}", "--yes"],
    "hold": ["{grid}"],
    "release": ["{grid}"],
    "retry": ["{grid}"],
    "fill": ["{grid}"],
    "extend": ["{grid}", "--set", "seeds=3"],
    "priority": ["{grid}", "7"],
    "delete": ["{grid}", "--yes"],
}
OF_RUNS = {name: CHANGING[name] for name in ("cancel", "hold", "release", "retry", "delete")}
"""Those that take a single run too."""

# --- on a narrow terminal

TABLES = {
    "compare": ["compare", "{grid}"],
    "compare several": ["compare", "{grid}", "{other}"],
    "compare by": ["compare", "{grid}", "--by", "clipper", "--metric", "loss"],
    "show grid": ["show", "{grid}"],
    "show run": ["show", "{grid}/0"],
    "show runs": ["show", "{grid}/0", "{grid}/3", "{grid}/6"],
    "runs": ["runs", "{grid}"],
    "grids": ["grids", "--all-users"],
    "watch": ["watch", "{grid}"],
    "status": ["status"],
    "grid": ["grid", "wide.yaml"],
    "submit": ["submit", "wide.yaml", "--dry-run"],
    "plugins check": ["plugins", "check", "latch"],
    "plugins list": ["plugins", "list", "--long"],
    "plugins show": ["plugins", "show", "lstm"],
    "users list": ["users", "list"],
    "tokens list": ["tokens", "list"],
}
ELSEWHERE = {"run"}
"""Prints what `show` prints, after training."""
