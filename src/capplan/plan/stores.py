"""Databases and caches, managed by the provider."""

from typing import Annotated, Literal

from pydantic import Field

from capplan.plan.fields import Memory, Number, Section, Share, Whole


class StoreBase(Section):
    """What every managed store has."""

    description: str = ""
    region: str | None = Field(None, description="Region; the plan's for this provider by default.")
    commit_1y: Share = Field(0.0, description="Share under a one-year commitment.")
    commit_3y: Share = Field(0.0, description="Share under a three-year commitment.")


class CloudSql(StoreBase):
    """Cloud SQL, Enterprise edition."""

    platform: Literal["cloud-sql"]
    engine: Literal["postgres", "mysql"]
    machine: str = Field(description="Tier, such as db-n1-standard-2 or db-custom-4-16384.")
    high_availability: bool = Field(False, description="Regional: a standby in another zone.")
    storage: Memory = Field(0.0, description="SSD storage.")
    backup: Memory = Field(0.0, description="Backup storage in use.")


class Rds(StoreBase):
    """Amazon RDS."""

    platform: Literal["rds"]
    engine: Literal["postgres", "mysql"]
    machine: str = Field(description="Instance class, such as db.r6g.xlarge.")
    high_availability: bool = Field(False, description="Multi-AZ: a standby in another zone.")
    storage: Memory = Field(0.0, description="General-purpose storage.")


class Aurora(StoreBase):
    """Amazon Aurora PostgreSQL, standard storage configuration."""

    platform: Literal["aurora"]
    machine: str = Field(description="Instance class, such as db.r6g.large.")
    instances: Whole = Field(1.0, description="One writer and its readers.")
    storage: Memory = Field(0.0, description="Storage of the cluster volume.")
    io_per_request: Number = Field(0.0, description="Billed I/O operations that a query makes.")


class AzurePostgres(StoreBase):
    """Azure Database for PostgreSQL."""

    platform: Literal["azure-postgresql"]
    machine: str = Field(description="SKU, such as GP_Standard_D4ds_v4.")
    high_availability: bool = Field(False, description="Zone-redundant: a standby in another zone.")
    storage: Memory = Field(0.0, description="Provisioned storage.")


Database = Annotated[CloudSql | Rds | Aurora | AzurePostgres, Field(discriminator="platform")]


class Memorystore(StoreBase):
    """Memorystore for Redis."""

    platform: Literal["memorystore"]
    tier: Literal["basic", "standard"] = Field("basic", description="standard adds a replica.")
    size: Memory = Field(description="Provisioned memory, whole GiB.")


class ElastiCache(StoreBase):
    """Amazon ElastiCache for Redis."""

    platform: Literal["elasticache"]
    machine: str = Field(description="Node type, such as cache.r6g.large.")
    nodes: Whole = Field(1.0, description="All nodes: shards × (1 + replicas).")


class AzureRedis(StoreBase):
    """Azure Cache for Redis."""

    platform: Literal["azure-redis"]
    machine: str = Field(description="SKU, such as standard-C3.")


Cache = Annotated[Memorystore | ElastiCache | AzureRedis, Field(discriminator="platform")]
