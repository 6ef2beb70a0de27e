"""Requests to a model, divided between replicas of one's own and an API: one route with weights.

Envoy Gateway alone reaches a host outside the cluster from a route, by its Backend; Gateway API knows only
Services, and leaves ExternalName to implementations. Both ends answer to the name of the API's model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from capplan.errors import InputError, Problem
from capplan.manifests.figures import number
from capplan.plan.llm import Llm, LlmApi

if TYPE_CHECKING:
    from capplan.plan.model import Plan

ENVOY_CLASSES = ("eg", "envoy", "envoy-gateway")
"""GatewayClasses by the names that Envoy Gateway's documentation gives its own."""


class Split(NamedTuple):
    """Weights of the model's own replicas and of the API, the API's host, and its model."""

    local: int
    api: int
    host: str
    model: str


def shared(llm: Llm | None) -> float | None:
    """Return the share of requests that replicas serve beside an API; None where one of them serves all."""
    share = 1.0 if llm is None else number(llm.local_share)
    return share if 0 < share < 1 else None


def split_of(plan: Plan, name: str) -> Split | None:
    """Return how a route divides the requests to a model; None where no route can, or need.

    Raises :class:`InputError` where nobody knows the host of the API.
    """
    llm, manifests = plan.llm.get(name), plan.manifests
    share = shared(llm)
    if share is None or llm is None or llm.api is None or manifests is None or llm.workload is None:
        return None
    if manifests.gateway_class not in ENVOY_CLASSES or llm.workload.host is None:
        return None
    host = llm.api.host or _listed_host(llm.api)
    if host is None:
        what = f"the host of the API of {llm.api.model} is unknown, so no route can send requests to it"
        raise InputError(Problem(f"llm.{name}.api.host", what, "Give it, such as api.openai.com."))
    whole = 100 if abs(100 * share - round(100 * share)) < 1e-9 else 10_000
    local = round(whole * share)
    return Split(local, whole - local, host, llm.api.model)


def _listed_host(api: LlmApi) -> str | None:
    """Return the one host that genai-prices knows of the vendor."""
    try:
        from genai_prices.data_snapshot import get_snapshot

        provider, _ = get_snapshot().find_provider_model(api.model, None, api.vendor, None)
    except (ImportError, LookupError):
        return None
    found = re.fullmatch(r"https?://([a-z0-9.-]+)/?", provider.api_pattern.replace("\\", ""))
    return found and found[1]
