"""Each guard is taken away in turn; the story of that guard must notice.

A guard that can be removed without any test failing guards nothing, or nobody would notice its
loss. Every story runs with all guards in place too.
"""

import re
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from bptt.store import Database, departure, grid_state
from tests.integration.store import gates, refusals, scenarios

Story = Callable[[Database], None]
VALUE = r"(?:\?|%\(\w+\)s(?:::\w+)?)"
"""A bound value, on either database."""
LEAVES = r"^UPDATE runs SET status=\S+, stop_request="
CLAIMS = r"^UPDATE runs SET status=\S+, reason=\S+, attempt="
RENEWS = r"^UPDATE runs SET lease_expires_at="


def rewrite(statement: str, old: str, new: str) -> Callable[..., Any]:
    """Return a mutant: statements like `statement` run with `old` replaced by `new`."""

    @contextmanager
    def mutate(database: Database, patch: pytest.MonkeyPatch) -> Any:
        def change(
            connection: Any, cursor: Any, sql: str, parameters: Any, *rest: Any
        ) -> tuple[str, Any]:
            if re.search(statement, sql):
                sql, found = re.subn(old, new, sql)
                assert found, f"nothing to change in: {sql}"
            return sql, parameters

        event.listen(Engine, "before_cursor_execute", change, retval=True)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", change)

    return mutate


def replace(target: Any, name: str, value: Any) -> Callable[..., Any]:
    """Return a mutant: a function or constant of the program is another."""

    @contextmanager
    def mutate(database: Database, patch: pytest.MonkeyPatch) -> Any:
        patch.setattr(target, name, value)
        yield

    return mutate


def without(sqlite: str, postgresql: str | None = None) -> Callable[..., Any]:
    """Return a mutant: a constraint of the database is gone."""

    @contextmanager
    def lose_constraint(database: Database, patch: pytest.MonkeyPatch) -> Any:
        with database.write() as connection:
            if database.dialect == "postgresql":
                connection.execute(text(postgresql or sqlite))
            elif sqlite.startswith("DROP"):
                connection.execute(text(sqlite))
            else:
                # SQLite cannot drop a constraint: its text is what the table was made from
                connection.execute(text("PRAGMA writable_schema = ON"))
                changed = connection.execute(
                    text(
                        "UPDATE sqlite_master SET sql = replace(sql, :old, '1 = 1')"
                        " WHERE name = 'runs' AND instr(sql, :old)"
                    ),
                    {"old": sqlite},
                )
                assert changed.rowcount == 1
        database.close()
        yield

    return lose_constraint


FENCE = rewrite(LEAVES, rf"runs\.attempt = ({VALUE})", r"runs.attempt >= 0 * \1")
LEASE = "(status = 'running') = (lease_expires_at IS NOT NULL)"
OWNER = "(status = 'running') = (worker_id IS NOT NULL)"


def _succeed_anyway(run: Any, result: Any, last_step: int) -> departure.Departure:
    return departure.Departure("succeeded", "succeeded", result=result, last_step=last_step)


BOTH = ("sqlite", "postgresql")
POSTGRESQL = ("postgresql",)
"""What SQLite rules out by letting one transaction write at a time."""

MUTANTS: dict[str, tuple[Callable[..., Any], Story, tuple[str, ...]]] = {
    "no attempt in renew": (
        rewrite(RENEWS, rf"runs\.attempt = ({VALUE})", r"runs.attempt >= 0 * \1"),
        scenarios.renewal_of_an_earlier_attempt,
        BOTH,
    ),
    "no owner in renew": (
        rewrite(RENEWS, rf"runs\.worker_id = ({VALUE})", r"runs.worker_id <> '' || \1 || '-'"),
        scenarios.renewal_by_another_worker,
        BOTH,
    ),
    "no status in renew": (
        rewrite(
            RENEWS,
            rf"runs\.worker_id = ({VALUE}) AND runs\.status = ({VALUE})",
            r"'x' <> '' || \1 AND runs.status <> '' || \2",
        ),
        scenarios.renewal_of_what_was_given_back,
        BOTH,
    ),
    "no attempt in finish": (FENCE, scenarios.finish_of_an_earlier_attempt, BOTH),
    "no attempt in fail": (FENCE, scenarios.failure_of_an_earlier_attempt, BOTH),
    "no attempt in lose": (FENCE, scenarios.loss_of_an_earlier_attempt, BOTH),
    "no attempt in give_back": (FENCE, scenarios.return_of_an_earlier_attempt, BOTH),
    "no attempt in reap": (FENCE, scenarios.reaping_what_was_claimed_anew_meanwhile, BOTH),
    "no second look at the lease in reap": (
        rewrite(LEAVES, r"AND runs\.lease_expires_at < .*", ""),
        scenarios.reaping_what_was_renewed_meanwhile,
        BOTH,
    ),
    "no lease for a server that started": (
        rewrite("pg_postmaster_start_time", r"pg_postmaster_start_time\(\)", "to_timestamp(-9e10)"),
        scenarios.reaping_after_the_server_started,
        POSTGRESQL,
    ),
    "reaps workers that live": (
        rewrite(
            r"runs\.worker_id IN",
            r"runs\.worker_id IN",
            "'w1' = runs.worker_id OR runs.worker_id IN",
        ),
        scenarios.reaping_a_worker_that_lives,
        BOTH,
    ),
    "no status in claim": (
        rewrite(CLAIMS, rf"runs\.status IN \(({VALUE})\)", r"runs.status <> '' || \1 || '-'"),
        scenarios.claim_of_what_is_cancelled_meanwhile,
        POSTGRESQL,
    ),
    "no lock in claim": (
        rewrite("pg_advisory_xact_lock", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"),
        scenarios.two_claims_for_one_place,
        POSTGRESQL,
    ),
    "no lock on rows": (
        rewrite("FOR NO KEY UPDATE", " FOR NO KEY UPDATE", ""),
        scenarios.cancel_while_it_finishes,
        POSTGRESQL,
    ),
    "a finish that wins over a cancel": (
        replace(departure, "finished", _succeed_anyway),
        scenarios.cancel_before_finish,
        BOTH,
    ),
    "one run too many for a user": (
        rewrite("^\\s*WITH busy", r"< u\.max_running", "<= u.max_running"),
        gates.a_user_at_their_limit,
        BOTH,
    ),
    "no hold": (
        rewrite("^\\s*WITH busy", r"AND g\.held_reason IS NULL", ""),
        gates.a_grid_that_is_held,
        BOTH,
    ),
    "no gate": (
        rewrite("^\\s*WITH busy", "WHEN 'running' THEN NULL", ""),
        gates.the_first_run_goes_alone,
        BOTH,
    ),
    "no hold when the first run fails": (
        replace(grid_state, "hold_back", lambda *given: None),
        gates.the_first_run_fails_at_once,
        BOTH,
    ),
    "endless attempts": (
        replace(departure, "OWN_DEATHS_AT_MOST", 1000),
        gates.a_run_that_dies_again_and_again,
        BOTH,
    ),
    "a grid that ends too early": (
        replace(grid_state, "LIVE", "status = 'running'"),
        gates.a_grid_with_queued_runs_goes_on,
        BOTH,
    ),
    "running without a lease": (
        without(LEASE, "ALTER TABLE runs DROP CONSTRAINT ck_runs_lease"),
        refusals.a_running_run_without_a_lease,
        BOTH,
    ),
    "running without an owner": (
        without(OWNER, "ALTER TABLE runs DROP CONSTRAINT ck_runs_owner"),
        refusals.a_running_run_without_an_owner,
        BOTH,
    ),
    "ended runs that change": (
        without("DROP TRIGGER runs_final", "DROP TRIGGER runs_final ON runs"),
        refusals.a_change_of_an_ended_run,
        BOTH,
    ),
    "attempts that go back": (
        without("DROP TRIGGER runs_attempt", "DROP TRIGGER runs_attempt ON runs"),
        refusals.an_attempt_that_goes_back,
        BOTH,
    ),
    "two open attempts": (
        without("DROP INDEX uq_attempts_open"),
        refusals.two_open_attempts,
        BOTH,
    ),
    "two ends of a run": (
        without("DROP INDEX uq_events_ended"),
        refusals.two_ends_of_one_run,
        BOTH,
    ),
}
CASES = [
    pytest.param(mutant, story, dialect, id=f"{name}-{dialect}")
    for name, (mutant, story, dialects) in MUTANTS.items()
    for dialect in dialects
]


@pytest.mark.parametrize(("mutant", "story", "dialect"), CASES)
def test_a_guard_works_and_its_loss_is_noticed(
    mutant: Callable[..., Any],
    story: Story,
    dialect: str,
    empty_database: Callable[[str], Database],
    new_database: Callable[[str], Database],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story(empty_database(dialect))

    # what lost a constraint is not to be used again
    make = new_database if mutant.__name__ == "lose_constraint" else empty_database
    changed = make(dialect)
    with mutant(changed, monkeypatch), pytest.raises(BaseException) as noticed:  # noqa: PT011
        story(changed)

    # either the story's own assertion, or a constraint that stands behind the guard
    assert noticed.type.__name__ in ("AssertionError", "IntegrityError", "Failed"), noticed.value
