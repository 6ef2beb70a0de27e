"""Where a command's work runs: `--workers` and `--cluster`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from capplan.executors import Executor

Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, max=1024, help="Processes of this machine to work in."),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster to work on."),
]


def work_in(context: typer.Context, workers: int | None, cluster: str | None) -> None:
    """Run what the command has to compute in processes or on a cluster, if either is asked for."""
    if workers is None and cluster is None:
        return
    from capplan.executors import in_processes, using

    if cluster is None:
        place = in_processes(workers or 1)
    elif workers is None:
        from capplan.cluster import on_cluster

        place = on_cluster(cluster)
    else:
        from capplan.errors import InputError, Problem

        raise InputError(Problem("--workers", "cannot be combined with --cluster", "Give only one of them."))
    context.with_resource(using(partial(watched, context.with_resource(place))))


def watched(run: Executor, function: Callable[[Any], Any], chunks: Sequence[Any], /) -> Iterator[Any]:
    """Yield what ``run`` yields, and show on stderr how much there is."""
    from capplan.cli.progress import reporter

    with reporter("working", len(chunks)) as begin:
        for done in run(function, chunks):
            begin("")
            yield done
