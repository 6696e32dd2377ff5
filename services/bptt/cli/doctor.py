"""`bptt doctor`: checks this machine and says what to mend."""

import sys
from dataclasses import asdict

import click

from bptt.cli.connection import current_settings
from bptt.cli.output import print_json

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list instead of lines.")
def doctor(as_json: bool) -> None:
    """Check versions, disk, database, Redis, MLflow and plugins, and say what to mend.

    Where a server is named, whether it answers and who we are for it. Changes nothing. The exit
    code is 1 if something must be mended before anything can train.
    """
    from bptt.embedded.doctor import examine

    findings = []
    for finding in examine(current_settings()):
        findings.append(finding)
        if not as_json:
            level = click.style(f"{finding.level:4}", fg=COLOURS[finding.level])
            click.echo(f"{level}  {finding.what:9} {finding.told}")
    if as_json:
        print_json([asdict(finding) for finding in findings])
    sys.exit(int(any(finding.level == "fail" for finding in findings)))
