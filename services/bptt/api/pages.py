"""Routes of MLflow's pages: where a browser finds what was measured."""

from bptt import store
from bptt.api.answers import Pages
from bptt.api.reading import NamedGrid
from bptt.api.routing import new_router
from bptt.api.service import Service, Shared
from bptt.errors import NotPossible
from bptt.records.grids import Grid
from bptt.settings import Settings

router = new_router("pages")


@router.get("/pages")
def project_pages(service: Shared) -> Pages:
    """MLflow's page of each project."""
    from bptt.tracking import server

    address = _address(service)
    return Pages(address=address, links=server.links(service.settings, address))


@router.get("/grids/{grid}/pages")
def grid_pages(grid_id: NamedGrid, service: Shared) -> Pages:
    """MLflow's pages of a grid: its comparison, means over seeds, heat maps, a table."""
    address = _address(service)
    found = store.get_grid(service.database, grid_id)
    links = links_of(service.settings, address, found)
    return Pages(address=address, links=links)


def links_of(settings: Settings, address: str, found: Grid) -> dict[str, str]:
    """Return the pages of a grid by what is on them, at the address browsers use.

    Raises:
        TrackingUnavailable: MLflow cannot be reached, or has nothing of the grid yet.
    """
    from bptt import tracking

    grid = tracking.SubmittedGrid(
        found.grid_id, found.name, found.project, found.user, int(found.created_at * 1000)
    )
    return tracking.grid_links(tracking.target_of(settings), address, grid)


def _address(service: Service) -> str:
    settings = service.settings
    if not settings.mlflow_url:
        raise NotPossible(
            "The server's MLflow is a database of its own, without pages for others. "
            "On the server's machine: bptt ui; or give it an MLflow server in BPTT_MLFLOW_URL."
        )
    return (settings.mlflow_public_url or settings.mlflow_url).rstrip("/")
