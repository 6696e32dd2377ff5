"""Everything that can be asked of grids and runs, one typed method each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from bptt.api import answers, comparison_answers, plugin_answers, queue_answers, user_answers
from bptt.api.orders import Extend, GridText, RequestBody, Retry, SetPriority, Submit
from bptt.api.user_orders import CreateToken, SetUser
from bptt.client.content import Sender
from bptt.client.requests import Grids, Requests, comparison_query, read_answer, text_of
from bptt.errors import InvalidSpec
from bptt.lifecycle import Standing
from bptt.records.comparison import Comparison
from bptt.records.grids import Grid
from bptt.records.runs import Event, Run
from bptt.records.users import Role, Token, User
from bptt.settings import Settings

T = TypeVar("T", bound=RequestBody)
SHOWN = 13
"""Characters of a token that may be shown, `bptt_` included."""


def connect(settings: Settings) -> "Client":
    """Return a client of `settings.server`, or of this machine if that is empty."""
    return Client(settings)


class Client(Requests):
    """Talks to the application.

    `grid` is a grid's id, its name (one's own newest of that name takes precedence), or
    `user/name`; `run` is the id of a run, or a point: the grid and its number, as in `x5fxt-0` or
    `latch/0`. Methods that only read accept a unique prefix of an id, too; those that change
    something accept nothing ambiguous: see `find`.

    Raises:
        BpttError: of any method, what the application raised.
        ServerUnavailable: of any method, the server cannot be reached or understood.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.files = Sender(self._connection)

    @property
    def user(self) -> str:
        """Who is asking; with a token the server decides."""
        return self.me().name if self._connection.shows_token else self._connection.user

    def me(self) -> user_answers.Me:
        """Return who is asking, as the application sees it."""
        return self._get(user_answers.Me, "/me")

    # what there is

    def health(self) -> answers.Health:
        """Return who answers."""
        return self._get(answers.Health, "/health")

    def queue(self) -> queue_answers.Queue:
        """Return the state of the queue as a whole."""
        return self._get(queue_answers.Queue, "/queue")

    def surroundings(self, *, mlflow: bool) -> queue_answers.Surroundings:
        """Return what this machine's queue depends on; only without a server."""
        return self._get(queue_answers.Surroundings, "/surroundings", mlflow=mlflow)

    def grids(self, user: str | None = None, limit: int = 50) -> list[Grid]:
        """Return grids, the newest first, of one user or of all."""
        return self._list(Grid, "/grids", user=user, limit=limit)

    def grid(self, grid: str) -> Grid:
        """Return one grid."""
        return self._get(Grid, self._grid(grid))

    def grid_file(self, grid: str) -> str:
        """Return a text that submits a grid again."""
        return self._get(answers.GridFile, f"{self._grid(grid)}/file").text

    def axes(self, grid: str) -> list[answers.AxisValues]:
        """Return what varies between the points of a grid."""
        return self._list(answers.AxisValues, f"{self._grid(grid)}/axes")

    def progress(self, grid: str) -> answers.Progress:
        """Return how far a grid is, when it will end, and what is waiting for what."""
        return self._get(answers.Progress, f"{self._grid(grid)}/progress")

    def comparison(self, grids: Grids, *names: Sequence[str], **asked: Any) -> list[Comparison]:
        """Return the comparison of one grid, or of several as one; see `comparison_query`."""
        path, which = self._compared(grids, "comparison")
        return self._list(Comparison, path, **which, **comparison_query(*names, **asked))

    def pictures(
        self,
        grids: Grids,
        *names: Sequence[str],
        kind: Literal["png", "svg"] = "png",
        **asked: Any,
    ) -> list[comparison_answers.Picture]:
        """Return pictures of what the runs of a grid, or several, measured; asked as `report`."""
        path, which = self._compared(grids, "pictures")
        query = which | comparison_query(*names, **asked)
        return self._list(comparison_answers.Picture, path, kind=kind, **query)

    def report(self, grids: Grids, *names: Sequence[str], **asked: Any) -> str:
        """Return the comparison and the pictures as one page of HTML."""
        path, which = self._compared(grids, "report")
        query = which | comparison_query(*names, **asked)
        return self._get(comparison_answers.Report, path, **query).html

    def runs(
        self,
        grid: str | None = None,
        status: Sequence[Standing] = (),
        limit: int = 100,
        after: str | None = None,
    ) -> list[Run]:
        """Return runs in the order of their grid; `after` is the last one of the previous page."""
        words = list(status) or None
        return self._list(Run, "/runs", grid=grid, status=words, limit=limit, after=after)

    def run(self, run: str) -> answers.RunDetail:
        """Return one run with its attempts."""
        return self._get(answers.RunDetail, self._run(run))

    def events(self, run: str) -> list[Event]:
        """Return the history of a run."""
        return self._list(Event, f"{self._run(run)}/events")

    def log(self, run: str, attempt: int | None = None, offset: int = 0) -> answers.Log:
        """Return a piece of an attempt's output; the newest attempt's if none is given."""
        return self._get(answers.Log, f"{self._run(run)}/log", attempt=attempt, offset=offset)

    def pages(self, grid: str | None = None) -> answers.Pages:
        """Return where MLflow shows a grid, or all projects."""
        return self._get(answers.Pages, "/pages" if grid is None else f"{self._grid(grid)}/pages")

    def plugins(self, long: bool = False) -> plugin_answers.Installed:
        """Return what is installed where the application runs."""
        return self._get(plugin_answers.Installed, "/plugins", long=long)

    def plugin(self, words: Sequence[str]) -> plugin_answers.PluginDetail:
        """Return what one plugin is: its name, after its kind where that is needed."""
        return self._get(plugin_answers.PluginDetail, "/plugin", word=list(words))

    def check_plugins(self, names: Sequence[str], given: Sequence[str]) -> plugin_answers.Checked:
        """Check plugins against their contracts where the application runs."""
        order = _checked(plugin_answers.CheckPlugins, names=names, given=given)
        return self._post(plugin_answers.Checked, "/plugins/check", order)

    # work

    def preview(
        self, file: str | Path, overrides: Sequence[str] = (), force: bool = False
    ) -> answers.Preview:
        """Check a grid file, describe its points and what `submit` would do; queue nothing."""
        order = GridText(source=text_of(file), filename=str(file), overrides=overrides, force=force)
        return self.files.ask(order, lambda whole: self._post(answers.Preview, "/preview", whole))

    def submit(
        self,
        file: str | Path,
        overrides: Sequence[str] = (),
        *,
        force: bool = False,
        hold: bool = False,
        priority: int = 0,
        urgency: int = 1,
    ) -> answers.Submission:
        """Queue the grid that a file describes: all of its points, or none."""
        order = Submit(
            source=text_of(file),
            filename=str(file),
            overrides=overrides,
            force=force,
            hold=hold,
            priority=priority,
            urgency=urgency,
        )
        return self.files.ask(order, lambda whole: self._post(answers.Submission, "/grids", whole))

    def extend(
        self,
        grid: str,
        file: str | Path | None = None,
        overrides: Sequence[str] = (),
        **asked: Any,
    ) -> answers.Submission:
        """Add the points of a grid's own file, or of another one, that it lacks.

        `asked` are further fields of `Extend`: `tuned` and what belongs to it, `dry_run`.
        """
        order = _checked(Extend, overrides=overrides, **asked)
        if file is not None:
            order = order.model_copy(update={"source": text_of(file), "filename": str(file)})
        return self.files.ask(
            order,
            lambda whole: self._change(answers.Submission, "grid", grid, "/extend", whole),
        )

    def fill(self, grid: str) -> int:
        """Queue a new run for every point without a result; return how many."""
        return self._change(answers.Changed, "grid", grid, "/fill").runs

    def retry_grid(self, grid: str, cancelled: bool = False) -> Sequence[str]:
        """Run again what failed and, on request, what was cancelled; return the ids."""
        order = Retry(cancelled=cancelled)
        return self._change(answers.Retried, "grid", grid, "/retry", order).run_ids

    def retry_run(self, run: str) -> Sequence[str]:
        """Run again a run that failed or was cancelled; return the id of the new one."""
        return self._change(answers.Retried, "run", run, "/retry").run_ids

    # steering

    def cancel_grid(self, grid: str) -> answers.Cancelled:
        """Cancel every run of a grid that has not ended."""
        return self._change(answers.Cancelled, "grid", grid, "/cancel")

    def hold_grid(self, grid: str) -> int:
        """Start no further run of a grid; return how many are waiting."""
        return self._change(answers.Changed, "grid", grid, "/hold").runs

    def release_grid(self, grid: str) -> int:
        """Let the held runs of a grid start; return how many."""
        return self._change(answers.Changed, "grid", grid, "/release").runs

    def set_priority(self, grid: str, priority: int, urgency: int | None = None) -> Grid:
        """Move a grid among those of its user, and into a class."""
        order = SetPriority(priority=priority, urgency=urgency)
        return self._change(Grid, "grid", grid, "/priority", order)

    def delete_grid(self, grid: str) -> answers.Deleted:
        """Delete a grid without running runs, with its runs and their folders."""
        return self._change(answers.Deleted, "grid", grid, method="DELETE")

    def delete_run(self, run: str) -> answers.Deleted:
        """Delete a run that is not running, with its folder; its point stays, without a run."""
        return self._change(answers.Deleted, "run", run, method="DELETE")

    def cancel_run(self, run: str) -> Run:
        """Cancel a run, or ask a running one to stop."""
        return self._change(Run, "run", run, "/cancel")

    def hold_run(self, run: str) -> Run:
        """Keep a run from starting, or ask a running one to stop and wait."""
        return self._change(Run, "run", run, "/hold")

    def release_run(self, run: str) -> Run:
        """Let a held run start."""
        return self._change(Run, "run", run, "/release")

    # users

    def users(self) -> list[User]:
        """Return everybody, and what they may use and are using."""
        return self._list(User, "/users")

    def set_user(self, user: str, **changes: Any) -> User:
        """Change what a user may do and use: fields of `SetUser`."""
        body = _checked(SetUser, **changes).model_dump(mode="json", exclude_unset=True)
        content = self._connection.request("PATCH", f"/users/{quote(user, safe='')}", body=body)
        return read_answer(User, content)

    def tokens(self) -> list[Token]:
        """Return the asker's tokens, or everybody's for an admin."""
        return self._list(Token, "/tokens")

    def create_token(
        self,
        user: str | None = None,
        role: Role | None = None,
        days: float | None = None,
        label: str = "",
    ) -> user_answers.NewToken:
        """Make a token for oneself or, as an admin, for anybody."""
        order = _checked(CreateToken, user=user, role=role, days=days, label=label)
        return self._post(user_answers.NewToken, "/tokens", order)

    def revoke_token(self, prefix: str) -> Token:
        """Revoke the token with this prefix."""
        # if given the whole token, keep the rest of it out of servers' logs
        begins = quote(prefix[:SHOWN], safe="")
        return self._post(Token, f"/tokens/{begins}/revoke")


def _checked(order: type[T], **fields: Any) -> T:
    """Return an order, or raise what the application would say about it."""
    try:
        return order(**fields)
    except ValidationError as error:
        misfits = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}." for fault in error.errors()
        ]
        raise InvalidSpec(misfits) from None
