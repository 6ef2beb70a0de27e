"""Databases: managed by the provider, or self-hosted pods."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from capplan.plan.deferred import variants
from capplan.plan.fields import (
    DEFAULTS,
    Count,
    Duration,
    Memory,
    Name,
    Number,
    Positive,
    Section,
    Share,
    Utilization,
    Whole,
)
from capplan.plan.stores import SelfHosted, StoreBase


class TimeSeries(Section):
    """A hypertable of TimescaleDB: rows come in, are compressed after a while, and dropped later."""

    rows_per_second: Number = Field(0.0, description="Rows that arrive each second, on average.")
    rows_per_request: Number = Field(0.0, description="Rows for each request to the database.")
    row_size: Memory = Field(description="Size of a row including its share of the indexes, such as 200B.")
    retain: Duration = Field(description="Rows older than this are dropped.")
    compress_after: Duration | None = Field(None, description="Rows older than this are compressed.")
    compression_ratio: Positive = Field(10.0, description="Uncompressed ÷ compressed size.")
    segment_by: list[str] = Field([], description="Columns that compressed rows are grouped by.")
    time_column: str = Field("time", description="Column that the table is partitioned by.")


class Backup(Section):
    """Backups that are kept, and the log between them."""

    retention: Duration = Field(0.0, description="How long daily backups are kept.")
    point_in_time: Duration = Field(0.0, description="How far back you can restore any point in time.")
    daily_change: Share = Field(0.05, description="Share of the data that changes in a day.")


class Recovery(Section):
    """What a disaster may cost, and the standby that keeps it below."""

    rpo: Duration | None = Field(
        None, description="Recovery point objective: the most data that may be lost, as time."
    )
    rto: Duration | None = Field(
        None, description="Recovery time objective: the longest time without service."
    )
    standby_region: str | None = Field(None, description="Region of a passive standby, kept up to date.")
    restore_rate: Memory = Field(100.0, description="Data that a restore from backup recovers in an hour.")

    @field_validator("restore_rate")
    @classmethod
    def _restores(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("must be above 0, or a restore never ends")
        return value


class Headroom(Section):
    """How full a database may get."""

    cpu: Utilization = Field(0.7, description="Share of the cores that queries keep busy at the peak.")
    memory: Utilization = Field(0.75, description="Share of the memory that the working set may take.")


class DatabaseBase(StoreBase):
    """What every managed database has."""

    machine: str = Field(description="Machine class, or auto for the cheapest that meets every need.")
    storage: Memory = Field(0.0, description="Storage at month 0, without the time series.")
    storage_growth_per_month: Memory = Field(0.0, description="Growth of the storage each month.")
    cpu_time: Duration = Field(0.0, description="CPU time of a query.")
    working_set: Memory = Field(0.0, description="Data that queries read repeatedly.")
    io_per_request: Number = Field(0.0, description="I/O operations of a query that go to disk.")
    resources: str | None = Field(
        None, description="Tier table that gives CPU and memory by load: a name or a file."
    )
    read_share: Share = Field(0.0, description="Share of the queries that are read-only.")
    write_size: Memory | None = Field(
        None, description="Data of a query that is not read-only, as a copy in another region gets it."
    )
    read_replicas: Whole = Field(0.0, description="Read replicas.")
    target_utilization: Headroom = DEFAULTS
    time_series: dict[Name, TimeSeries] = Field({}, description="Hypertables by name.")
    backup: Backup = DEFAULTS
    recovery: Recovery = DEFAULTS


class CloudSql(DatabaseBase):
    """Cloud SQL, Enterprise edition."""

    platform: Literal["cloud-sql"]
    engine: Literal["postgres", "mysql"] = Field(description="Database engine.")
    high_availability: bool = Field(
        False, description="Whether a standby runs in another zone (Cloud SQL: regional)."
    )


class Rds(DatabaseBase):
    """Amazon RDS."""

    platform: Literal["rds"]
    engine: Literal["postgres", "mysql"] = Field(description="Database engine.")
    high_availability: bool = Field(
        False, description="Whether a standby runs in another zone (RDS: Multi-AZ)."
    )


class Aurora(DatabaseBase):
    """Amazon Aurora PostgreSQL, standard storage configuration; its I/O is billed."""

    platform: Literal["aurora"]
    engine: Literal["postgres"] = Field("postgres", description="Database engine.")
    high_availability: bool = Field(False, description="Whether a reader in another zone can take over.")


class AzurePostgres(DatabaseBase):
    """Azure Database for PostgreSQL."""

    platform: Literal["azure-postgresql"]
    engine: Literal["postgres"] = Field("postgres", description="Database engine.")
    high_availability: bool = Field(
        False, description="Whether a standby runs in another zone (Azure: zone-redundant)."
    )


class SelfHostedDatabase(SelfHosted):
    """A self-hosted database on Kubernetes, such as TimescaleDB where no managed service offers it."""

    engine: Literal["postgres", "mysql"] = Field("postgres", description="Database engine.")
    max_connections: Count = Field(100.0, description="Most connections that a pod accepts.")
    time_series: dict[Name, TimeSeries] = Field({}, description="Hypertables by name.")


ManagedDatabase = CloudSql | Rds | Aurora | AzurePostgres
if TYPE_CHECKING:
    Database = ManagedDatabase | SelfHostedDatabase
else:
    Database = Annotated[
        Any,
        variants(
            "capplan.plan.databases",
            cloud_sql="CloudSql",
            rds="Rds",
            aurora="Aurora",
            azure_postgresql="AzurePostgres",
            kubernetes="SelfHostedDatabase",
        ),
    ]
