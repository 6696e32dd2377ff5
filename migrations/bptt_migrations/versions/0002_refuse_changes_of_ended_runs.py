"""Refuse changes of ended runs, and an attempt that goes back: triggers of both databases."""

from alembic import op

revision = "0002"
down_revision = "0001"

FINAL = ("status", "attempt", "outcome", "result", "failure", "finished_at")
ENDED = "OLD.status IN ('succeeded', 'failed', 'cancelled')"
FINAL_SAYS = "a run that has ended cannot change"
ATTEMPT_SAYS = "the attempt of a run only grows"


def upgrade() -> None:
    """Create the triggers."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite() if sqlite else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER runs_attempt")
        op.execute("DROP TRIGGER runs_final")
    else:
        op.execute("DROP FUNCTION bptt_refuse() CASCADE")


def _sqlite() -> tuple[str, ...]:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FINAL)
    return (
        f"CREATE TRIGGER runs_final BEFORE UPDATE OF {', '.join(FINAL)} ON runs "
        f"WHEN {ENDED} AND ({changed}) BEGIN SELECT RAISE(ABORT, '{FINAL_SAYS}'); END",
        "CREATE TRIGGER runs_attempt BEFORE UPDATE OF attempt ON runs "
        f"WHEN NEW.attempt < OLD.attempt BEGIN SELECT RAISE(ABORT, '{ATTEMPT_SAYS}'); END",
    )


def _postgresql() -> tuple[str, ...]:
    changed = " OR ".join(f"NEW.{name}::text IS DISTINCT FROM OLD.{name}::text" for name in FINAL)
    return (
        "CREATE FUNCTION bptt_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'check_violation'; END $$",
        f"CREATE TRIGGER runs_final BEFORE UPDATE OF {', '.join(FINAL)} ON runs "
        f"FOR EACH ROW WHEN ({ENDED} AND ({changed})) "
        f"EXECUTE FUNCTION bptt_refuse('{FINAL_SAYS}')",
        "CREATE TRIGGER runs_attempt BEFORE UPDATE OF attempt ON runs "
        "FOR EACH ROW WHEN (NEW.attempt < OLD.attempt) "
        f"EXECUTE FUNCTION bptt_refuse('{ATTEMPT_SAYS}')",
    )
