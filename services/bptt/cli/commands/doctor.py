"""`bptt doctor`: checks this machine and says what to fix."""

import sys
from dataclasses import asdict

import click

from bptt.cli.connection import current_settings
from bptt.cli.listing import say
from bptt.cli.options import json_option
from bptt.cli.output import print_json
from bptt.errors import UserError

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@json_option("list instead of lines")
@click.option("--fix", is_flag=True, help="First remove what is no longer needed.")
def doctor(as_json: bool, fix: bool) -> None:
    """Check versions, disk, database, Redis, MLflow and plugins, and say what to fix.

    If a server is named, only the server is checked: whether it answers, who we are to it, whether
    anything is training there. Without --fix nothing is changed; with it, folders of runs that were
    deleted from this database are removed, and so are contents of files that are damaged, or that
    no run reads and nobody has sent for a day. The exit code is 1 if something must be fixed before
    anything can train.
    """
    from bptt.doctor.examine import examine

    settings = current_settings()
    if fix and settings.server:
        raise UserError(
            f"--fix mends this machine, and the server {settings.server} is named. "
            "Leave BPTT_SERVER and --server out, or --fix."
        )
    if fix:
        from bptt.doctor.contents import mend_contents
        from bptt.doctor.leftovers import remove_leftovers

        for done in (remove_leftovers(settings), mend_contents(settings)):
            if done:
                click.echo(done, err=as_json)
    findings = []
    for finding in examine(settings):
        findings.append(finding)
        if not as_json:
            level = click.style(f"{finding.level:4}", fg=COLOURS[finding.level])
            say(finding.told, head=f"{level}  {finding.what:9} ")
    if as_json:
        print_json([asdict(finding) for finding in findings])
    sys.exit(int(any(finding.level == "fail" for finding in findings)))
