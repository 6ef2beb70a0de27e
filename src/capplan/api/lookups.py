"""What is asked of capplan itself, not of a plan."""

from __future__ import annotations

from pathlib import Path

from capplan.api.answers import Answer


def prices(
    *,
    provider: str | None = None,
    service: str | None = None,
    region: str | None = None,
    name: str | None = None,
    vcpu: str | None = None,
    memory: str | None = None,
    gpu: str | None = None,
    catalogs: str | Path | None = None,
) -> Answer:
    """Return prices of the catalogs, one row for each SKU and region.

    name: part of a SKU's name. vcpu, memory (GiB): 4, 4-8, 4+ or -8. What is left out is not asked for.
    """
    from capplan.ask.reports import prices_report

    found = prices_report(
        None if catalogs is None else Path(catalogs),
        provider=provider,
        service=service,
        region=region,
        name=name,
        vcpu=vcpu,
        memory=memory,
        gpu=gpu,
    )
    return Answer(found)


def explain(code: str) -> Answer:
    """Return what a finding with this code means, why it matters, and how to fix it."""
    from capplan.ask.reports import explained_report

    return Answer(explained_report(code))
