"""The kinds of component that a plan can have, and who builds each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from capplan.components.base import Component, Context

Builder = Callable[[Context, Sequence[Component]], Iterable[Component]]
"""Returns the components of a section; the second argument holds those of the sections that it needs."""


class Kind(NamedTuple):
    """What makes components of a section of the plan.

    module: imported only where a plan has the section. needs: sections that are built before this one.
    """

    module: str
    builder: str
    needs: Sequence[str] = ()

    def load(self) -> Builder:
        """Return the builder."""
        builder: Builder = getattr(import_module(f"capplan.components.{self.module}"), self.builder)
        return builder


KINDS: Mapping[str, Kind] = {
    "services": Kind("services.component", "build_services"),
    "clusters": Kind("cluster", "build_clusters", needs=("services", "jobs", "databases", "caches")),
    "databases": Kind("stores.component", "build_databases", needs=("services",)),
    "caches": Kind("stores.component", "build_caches"),
    "streams": Kind("streams", "build_streams"),
    "jobs": Kind("jobs", "build_jobs"),
    "external_apis": Kind("others", "build_external_apis"),
    "llm": Kind("llm.component", "build_llms"),
    "resources": Kind("others", "build_resources", needs=("services", "clusters")),
    "sites": Kind("sites", "build_sites", needs=("services", "databases", "caches", "streams", "llm")),
    "rate_limits": Kind("ratelimits", "build_rate_limits", needs=("services",)),
}
"""By section of the plan, in the order of reports."""


def components_of(ctx: Context) -> list[Component]:
    """Return every component of the plan, sized and metered."""
    built: dict[str, Sequence[Component]] = {}
    for section in KINDS:
        _build(ctx, section, built)
    return [component for section in KINDS for component in built[section]]


def _build(ctx: Context, section: str, built: dict[str, Sequence[Component]]) -> None:
    if section in built:
        return
    kind = KINDS[section]
    for needed in kind.needs:
        _build(ctx, needed, built)
    others = [component for needed in kind.needs for component in built[needed]]
    built[section] = list(kind.load()(ctx, others)) if getattr(ctx.plan, section) else ()
