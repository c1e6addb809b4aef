"""What every command has: `--home`, `--store`, `--json`, and an open home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codata_cli.output import Output

if TYPE_CHECKING:
    from codata.execute.executors import Executor
    from codata.home import Home


def path(text: str) -> Path:
    """A path as an argument. An empty one would be the folder that the user stands in, who left a variable
    unset."""
    if not text:
        raise typer.BadParameter("the path is empty; write . for the folder that you stand in")
    return Path(text)


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        parser=path,
        metavar="DIR",
        help="The home folder. Default: CODATA_HOME, else the nearest .codata upwards.",
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The block store, where it is not the home's own."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout and nothing else there.")]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", "-w", min=1, metavar="N", help="Worker processes. Default: one a core."),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="An existing Dask scheduler, as tcp://host:port or tls://…"
    ),
]
TlsOption = Annotated[
    str | None,
    typer.Option(
        "--tls", metavar="CA,CERT,KEY", help="TLS files for --cluster, as three paths joined by commas."
    ),
]


@contextmanager
def session(home: Path | None, json: bool, store: str | None = None) -> Iterator[tuple[Home, Output]]:
    """The home of a command and where its result goes."""
    from codata.home import Home

    with Home.find(home, store_url=store) as opened:
        yield opened, Output(json)


def executor(workers: int | None, cluster: str | None, tls: str | None, store: str = "") -> Executor:
    """The executor that the options name, for a home with this store."""
    from cid_store.errors import UsageError
    from codata.execute.executors import Embedded

    if cluster is None:
        return Embedded(workers)
    from codata.execute.cluster import Cluster

    if tls is None:
        return Cluster(cluster, store=store)
    match tls.split(","):
        case [ca, cert, key]:
            return Cluster(cluster, store=store, tls=(ca, cert, key))
    raise UsageError("--tls takes three paths joined by commas: CA,CERT,KEY")
