"""The plan that `capplan init` writes, from a few answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from capplan.errors import InputError, Problem, nearest
from capplan.paths import data_dir


class StarterPlatform(NamedTuple):
    """What a starter plan needs to know about a platform."""

    provider: str
    region: str
    machine: str
    database: dict[str, str]


_CLOUD_SQL = {"platform": "cloud-sql", "engine": "postgres", "machine": "db-custom-2-7680"}
_RDS = {"platform": "rds", "engine": "postgres", "machine": "db.m6g.large"}
_AZURE = {"platform": "azure-postgresql", "machine": "GP_Standard_D2ds_v4"}

PLATFORMS = {
    "cloud-run": StarterPlatform("gcp", "us-central1", "", _CLOUD_SQL),
    "gke": StarterPlatform("gcp", "us-central1", "e2-standard-4", _CLOUD_SQL),
    "fargate": StarterPlatform("aws", "us-east-1", "", _RDS),
    "eks": StarterPlatform("aws", "us-east-1", "m6i.xlarge", _RDS),
    "vm-group": StarterPlatform("aws", "us-east-1", "m6i.large", _RDS),
    "container-apps": StarterPlatform("azure", "eastus", "", _AZURE),
    "aks": StarterPlatform("azure", "eastus", "Standard_D4s_v5", _AZURE),
}


class Answers(NamedTuple):
    """What the user was asked; the defaults make a plan that estimates."""

    name: str = "my-service"
    platform: str = "cloud-run"
    region: str = ""
    users_per_day: str = "10k"
    requests_per_user: str = "50"
    service_time: str = "120ms"
    cpu_time: str = "25ms"
    minimum: str = "1"
    maximum: str = "10"


def platform_named(name: str) -> StarterPlatform:
    """Return what is known about a platform."""
    if name not in PLATFORMS:
        raise InputError(Problem("--platform", f"unknown platform '{name}'", nearest(name, PLATFORMS)))
    return PLATFORMS[name]


def starter_plan(answers: Answers) -> str:
    """Return a commented plan; the caller reads it back, which finds whatever is wrong with an answer."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    platform = platform_named(answers.platform)
    environment = Environment(
        loader=FileSystemLoader(data_dir("templates") / "plans"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["yaml"] = _scalar
    values = {**answers._asdict(), **platform._asdict(), "region": answers.region or platform.region}
    answered = ("users_per_day", "requests_per_user", "service_time", "cpu_time", "minimum", "maximum")
    values |= {key: _scalar(values[key]) for key in answered}
    return environment.get_template("plan.yaml.j2").render(values)


def _scalar(value: Any) -> str:
    """Return ``value`` as a YAML scalar: plain where it is harmless, quoted otherwise."""
    import json
    import re

    text = str(value)
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) else json.dumps(text)
