"""The files that a plan renders to, for the gates that judge them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from capplan.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capplan.manifests.artefact import Rendered
    from capplan.manifests.site import Site


class PlannedFiles:
    """Rendered when the first gate asks for them, and not again; raises InputError for what cannot be."""

    def __init__(self, estimate: Estimate) -> None:
        self.estimate = estimate

    @cached_property
    def site(self) -> Site:
        """What the files are rendered from."""
        from capplan.manifests.site import Site

        return Site(self.estimate)

    @cached_property
    def rendered(self) -> Sequence[Rendered]:
        """Every file."""
        from capplan.manifests.render import as_planned

        return as_planned(self.site)
