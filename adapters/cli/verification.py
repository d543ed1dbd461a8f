"""The command that verifies what a run has recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...application.container import open_bridge
from ...application.settings import load_settings
from ...ports.repository import Extent, Listing
from .choices import config_option, example, format_option
from .exits import EXITS_EXPLAINED, Ended, Exit
from .output import show

if TYPE_CHECKING:
    from pathlib import Path

    from ...application.verification import Verification

COLUMNS = ("run", "status", "check", "claim", "rows", "violations", "offenders")
PEOPLE = ("claim", "rows", "violations")


@click.command(
    epilog=example("execbridge verify demo-1", "execbridge verify demo-1 --format json > verified.json")
    + EXITS_EXPLAINED
)
@click.argument("run")
@format_option
@config_option
@click.pass_obj
def verify(config: Path | None, run: str, form: str) -> None:
    """
    Verify that the record of the backtest RUN holds together; nothing is changed.

    Rows are held against rows (fills, orders, decisions, snapshots), and each day's positions, cost, realised profit,
    cash and equity against what the fills before it come to. One row a claim: how many rows were looked at, how many
    break it, and the first of those by name. Ends with 3 where a claim is broken.

    A run that is RUNNING, FAILED or INTERRUPTED is verified up to its last whole day.
    """
    with open_bridge(load_settings(config)) as bridge:
        verified = bridge.verify(run)
    show(_listing(verified), form, title=f"verification of {run} ({verified.status})", people=PEOPLE)
    if form == "table":
        _explain(verified)
    if verified.violations:
        message = f"the record of run {run!r} does not hold together: {verified.violations} violations"
        raise Ended(message, Exit.HALTED)


def _listing(verified: Verification) -> Listing:
    rows: list[tuple[object, ...]] = [
        (
            verified.run.name,
            verified.status,
            check.claim.name.lower(),
            check.claim.value,
            check.rows,
            check.violations,
            check.offenders,
        )
        for check in verified.checks
    ]
    return Listing(COLUMNS, rows)


def _explain(verified: Verification) -> None:
    """Name the first offenders, and say what was not there to be verified."""
    for check in verified.checks:
        for offender in check.offenders:
            click.echo(f"{check.claim.value}: {offender}")
        if check.violations > len(check.offenders):
            click.echo(f"{check.claim.value}: and {check.violations - len(check.offenders)} more")
    if verified.status != "COMPLETE":
        click.echo(f"The run is {verified.status}: what is there up to its last whole day was verified.", err=True)
    elif verified.extent is Extent.SUMMARY:
        click.echo('The run keeps its figures alone (record = "summary"): it has no rows to verify.', err=True)
