"""Which run comes next: the best grid of each user, then the user who has the least.

Within one user: the more urgent grid, then the higher priority, then the older run. Between users:
the more urgent run, then whoever has fewer running for their weight, then whoever used less lately.
So nobody gains anything by giving all their grids a high priority.
"""

from sqlalchemy import Connection, text

from bptt.store.clock import read_clock
from bptt.store.tables import AnyRow
from bptt.store.users import decayed

# A grid's gate is closed while its first run is queued or running; then only that run counts.
# Nothing is joined with runs: each answer is one index look-up, however many runs wait or have
# ended, and no statistics can make PostgreSQL read them all.
HEADS = """
WITH busy AS (
    SELECT user_name, count(*) AS running FROM runs WHERE status = 'running' GROUP BY user_name
), heads AS (
    SELECT g.user_name, g.urgency, g.priority, u.weight, u.usage, u.usage_at,
        coalesce(b.running, 0) AS running,
        CASE (SELECT c.status FROM runs c WHERE c.id = g.canary_run_id)
            WHEN 'queued' THEN (SELECT c.seq FROM runs c WHERE c.id = g.canary_run_id)
            WHEN 'running' THEN NULL
            ELSE (
                SELECT r.seq FROM runs r WHERE r.grid_id = g.id AND r.status = 'queued'
                ORDER BY r.stop_request, r.seq LIMIT 1
            )
        END AS seq
    FROM grids g
    JOIN users u ON u.name = g.user_name
    LEFT JOIN busy b ON b.user_name = g.user_name
    WHERE g.ended_at IS NULL AND g.held_reason IS NULL AND u.disabled_at IS NULL
        AND (u.max_running IS NULL OR coalesce(b.running, 0) < u.max_running)
), ranked AS (
    SELECT heads.*, row_number() OVER (
        PARTITION BY user_name ORDER BY urgency DESC, priority DESC, seq
    ) AS rank
    FROM heads WHERE seq IS NOT NULL
)
SELECT user_name, urgency, weight, usage, usage_at, running, seq FROM ranked WHERE rank = 1
"""

# The same grids and gates, counted.
COUNTS = """
SELECT u.name, u.max_running,
    (SELECT count(*) FROM runs r WHERE r.status = 'running' AND r.user_name = u.name) AS running,
    sum(
        CASE (SELECT c.status FROM runs c WHERE c.id = g.canary_run_id)
            WHEN 'queued' THEN 1
            WHEN 'running' THEN 0
            ELSE (
                SELECT count(*) FROM (
                    SELECT 1 FROM runs r WHERE r.grid_id = g.id AND r.status = 'queued'
                    ORDER BY r.stop_request, r.seq LIMIT :at_most
                ) AS found
            )
        END
    ) AS waiting
FROM grids g
JOIN users u ON u.name = g.user_name
WHERE g.ended_at IS NULL AND g.held_reason IS NULL AND u.disabled_at IS NULL
GROUP BY u.name, u.max_running
"""

COUNT_AT_MOST = 1000


def next_run(connection: Connection) -> int | None:
    """Return the `seq` of the run to claim now; None if no user has one that may start."""
    heads = connection.execute(text(HEADS)).all()
    if not heads:
        return None
    at = read_clock(connection)
    return int(min(heads, key=lambda head: _turn(head, at)).seq)


def count_claimable(connection: Connection) -> int:
    """Return how many runs could start now, given enough slots; counts to 1000 at most."""
    users = connection.execute(text(COUNTS), {"at_most": COUNT_AT_MOST}).all()
    return min(sum(_room(user) for user in users), COUNT_AT_MOST)


def _turn(head: AnyRow, at: float) -> tuple[float, ...]:
    used = decayed(head.usage, head.usage_at, at)
    return (-head.urgency, head.running / head.weight, used / head.weight, head.seq)


def _room(user: AnyRow) -> int:
    if user.max_running is None:
        return int(user.waiting)
    return max(0, min(int(user.waiting), int(user.max_running - user.running)))
