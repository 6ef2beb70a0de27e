"""One resource of a Terraform document, and where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.plan.services import Provider

PROVIDERS: Mapping[str, Provider] = {"aws": "aws", "google": "gcp", "azurerm": "azure"}
"""Terraform's providers that have prices, by the first word of their types."""

_PLACES: Mapping[Provider, Sequence[str]] = {
    "aws": ("region", "availability_zone", "availability_zones", "arn"),
    "gcp": ("zone", "location", "region"),
    "azure": ("location",),
}
"""Attributes that say where a resource is; the first that is known counts."""

_REGION: Mapping[Provider, re.Pattern[str]] = {
    "aws": re.compile(r"(?:arn:[^:]*:[^:]*:)?([a-z]{2}(?:-[a-z]+)+-\d)"),
    "gcp": re.compile(r"([a-z]+-[a-z]+\d+)"),
    "azure": re.compile(r"([a-z0-9]+)"),
}
"""The region at the start of a region, a zone or an ARN."""


class Unknown:
    """A value that is set, but that only `apply` will tell."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


class Planned(NamedTuple):
    """One resource or data source, and what is known of it before `apply`.

    scope: address of the instance of the module that it is in; empty for the root.
    unknown: what `apply` will tell, in the shape of ``values``. expressions: its configuration; None where
    the document has none. provider_key: the provider's configuration. depends_on: in a state, the addresses
    of all that it depends on, without keys.
    """

    address: str
    type: str
    name: str
    key: int | str | None
    scope: str
    managed: bool
    values: Mapping[str, Any]
    unknown: Mapping[str, Any]
    expressions: Mapping[str, Any] | None
    for_each: object
    provider_key: str
    depends_on: Sequence[str] = ()

    @property
    def provider(self) -> Provider | None:
        """The provider whose prices hold; None for helpers such as random_id."""
        return PROVIDERS.get(self.type.partition("_")[0])


def region_in(value: object, provider: Provider) -> str | None:
    """Return the region that a region's, zone's or resource's name says.

    >>> region_in("eu-west-1b", "aws"), region_in("projects/p/zones/us-central1-a", "gcp")
    ('eu-west-1', 'us-central1')
    >>> region_in("West Europe", "azure")
    'westeurope'
    """
    if isinstance(value, list):
        return next((region for each in value if (region := region_in(each, provider))), None)
    if not isinstance(value, str):
        return None
    if provider == "gcp":  # a link, such as projects/p/zones/us-central1-a
        value = value.rpartition("/")[2]
    found = _REGION[provider].match(value.replace(" ", "").lower())
    return None if found is None else found[1]


def place_of(node: Planned, provider: Provider) -> str | None:
    """Return the region that a resource itself says."""
    found = (region_in(node.values.get(attribute), provider) for attribute in _PLACES[provider])
    return next((region for region in found if region), None)
