"""SQL that prepares PostgreSQL databases, and the script that runs it in order."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.settings import measured
from capplan.manifests.site import Site
from capplan.plan.manifests import Index
from capplan.quantities import DAY_S


def sql_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the SQL of each PostgreSQL database, and one script that runs all of it in order."""
    databases = []
    for name, database in site.plan.databases.items():
        if database.engine == "postgres":
            found = list(_of_database(site, name))
            yield from found
            files = [artefact.path.rpartition("/")[2] for artefact in found]
            databases.append({"variable": f"{name.upper().replace('-', '_')}_URL", "files": files})
    if site.manifests.indexes and not databases:
        what = "are written for PostgreSQL, and the plan has no database of that engine"
        raise InputError(Problem("manifests.indexes", what, "Leave them out."))
    if databases := [database for database in databases if database["files"]]:
        yield Artefact("sql/apply.sh", "sql/apply.sh.j2", {"databases": databases}, "sql")


def _of_database(site: Site, name: str) -> Iterator[Artefact]:
    """Yield the hypertables of a database with their indexes, and the indexes of all other tables.

    Which database a table is in is not said: its indexes are made in each that has it.
    """
    tables = [_hypertable(site, name, table) for table in site.plan.databases[name].time_series]
    facts = site.estimate.context.catalog.known_facts("databases")
    apache = site.components[name].platform in facts.get("apache_timescaledb", {})
    if tables:
        context: Tree = {"tables": tables, "apache": apache}
        yield Artefact(f"sql/{name}-timeseries.sql", "sql/timeseries.sql.j2", context, "sql")
    if tables and apache:
        yield Artefact(f"sql/{name}-retention.sql", "sql/retention.sql.j2", {"tables": tables}, "sql")
    every = {table.replace("-", "_") for d in site.plan.databases.values() for table in d.time_series}
    others = [
        {**index.model_dump(), "name": _index_name(index)}
        for index in site.manifests.indexes
        if index.table not in every
    ]
    if others:
        yield Artefact(f"sql/{name}-indexes.sql", "sql/indexes.sql.j2", {"indexes": others}, "sql")


def _hypertable(site: Site, database: str, name: str) -> Tree:
    """Return a hypertable: its columns are those that rows are grouped by and those that have an index."""
    series, table = site.plan.databases[database].time_series[name], name.replace("-", "_")
    compress = None if series.compress_after is None else number(series.compress_after)
    hours = measured(site, database, f"{name}: chunk interval")
    assert hours is not None
    indexed = [index for index in site.manifests.indexes if index.table == table]
    indexes = [
        {"name": _index_name(index), "columns": dict.fromkeys(index.columns, index.descending)}
        for index in indexed
    ]
    if series.segment_by:
        columns = dict.fromkeys(series.segment_by, False) | {series.time_column: True}
        indexes.insert(0, {"name": _short(f"{table}_series_idx"), "columns": columns})
    known = {series.time_column, "value", *series.segment_by}
    return {
        "name": table,
        "time": series.time_column,
        "segment_by": list(series.segment_by),
        "columns": [c for c in dict.fromkeys(c for i in indexed for c in i.columns) if c not in known],
        "indexes": indexes,
        "chunk": interval(3600.0 * hours),
        "compress_after": None if compress is None else interval(compress),
        "drop_after": interval(number(series.retain)),
    }


def _index_name(index: Index) -> str:
    return _short(f"idx_{index.table}_{'_'.join(index.columns)}")


def _short(name: str) -> str:
    """Return a name within PostgreSQL's 63 bytes; what is longer keeps its hash."""
    return name if len(name) <= 63 else f"{name[:54]}_{sha256(name.encode()).hexdigest()[:8]}"


def interval(seconds: float) -> str:
    """Return a time as PostgreSQL's interval.

    >>> interval(604800.0), interval(5400.0)
    ('7 days', '90 minutes')
    """
    for unit, length in (("days", DAY_S), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} seconds"
