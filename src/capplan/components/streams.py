"""Kafka on MSK: the brokers that carry bandwidth, partitions and storage, of the cheapest size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from capplan.arrays import Array, ceil_count, hourly_max, per_scenario
from capplan.components import job_checks as checks
from capplan.components.base import Component, Context, Path
from capplan.components.measures import Measure, Pick, measure
from capplan.components.stores.billing import StoreBill
from capplan.components.stores.recovery import REPLICATION_LAG_S
from capplan.components.transfer import Flow, Place, flow_meters
from capplan.errors import InputError, nearest
from capplan.findings import Finding
from capplan.plan.sites import copy_of, site_of
from capplan.plan.stores import AUTO
from capplan.plan.streams import Stream


def build_streams(ctx: Context, _: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.streams``."""
    for name, stream in ctx.plan.streams.items():
        yield _stream(ctx, name, stream)


def _stream(ctx: Context, name: str, stream: Stream) -> Component:
    path: Path = ("streams", name)
    place = Place("aws", ctx.region("aws", stream.region, path))
    bill = StoreBill(ctx, name, "aws", place.region, path)
    kept = ctx.load.average(name) * stream.message_size * stream.retention * stream.replication
    stored = per_scenario(kept / stream.target_utilization)
    sizes = _sizes(ctx, stream, path)
    needs = _needs(ctx, name, stream, sizes, stored)
    most: Array = np.maximum.reduce(list(needs.values()))
    counts = stream.zones * ceil_count(most / stream.zones)
    skus = [bill.sku("msk", size) for size in sizes]
    which = np.argmin(counts * bill.ranks("msk", [bill.hourly_usd("msk", sku) for sku in skus]), axis=1)
    picked = {key: np.take_along_axis(by_size, which[:, None], axis=1) for key, by_size in needs.items()}
    brokers = np.take_along_axis(counts, which[:, None], axis=1)
    flows = list(_mirrored(ctx, name, stream, place))
    meters = [bill.used("msk", bill.sku("msk", "storage-gp2"), stored, "GiB of all brokers")]
    for index in np.unique(which):
        meters += bill.held("msk", skus[index], brokers * (which == index)[:, None], "brokers × hours")
    return Component(
        name=name,
        kind="stream",
        platform=stream.platform,
        provider="aws",
        region=place.region,
        path=path,
        load=ctx.load,
        meters=[*meters, *(meter for flow in flows for meter in flow_meters(ctx, flow))],
        measures=[
            measure("brokers", brokers, "", "the most of what follows, as many in each zone"),
            *(measure(f"brokers for {key}", count, "", "need ÷ a broker's") for key, count in picked.items()),
            measure("storage", stored, "GiB", "messages/s × size × retention × replication ÷ target"),
            *_recovery(ctx, name, bool(flows)),
        ],
        pick=Pick(tuple(sizes), which),
        findings=list(_findings(name, float(np.max(brokers)), ctx.catalog.number("kafka", "most_brokers"))),
    )


def _findings(name: str, brokers: float, most: float) -> Iterator[Finding]:
    if brokers > most:
        message = f"it needs {brokers:,.0f} brokers, and a cluster has at most {most:g}"
        yield checks.STREAM_TOO_LARGE.finding(name, message)


def _sizes(ctx: Context, stream: Stream, path: Path) -> dict[str, Mapping[str, float]]:
    """Return what brokers of the sizes that come into question carry."""
    known = ctx.catalog.facts("kafka", "brokers")
    if stream.machine == AUTO:
        return {name: size for name, size in known.items() if not size.get("burstable")}
    if stream.machine not in known:
        what = f"unknown broker size '{stream.machine}'"
        raise InputError(ctx.places.problem((*path, "machine"), what, nearest(stream.machine, known)))
    return {stream.machine: known[stream.machine]}


def _needs(
    ctx: Context, name: str, stream: Stream, sizes: Mapping[str, Mapping[str, float]], stored_gib: Array
) -> dict[str, Array]:
    """Return the brokers that each need asks for, (scenarios, sizes).

    Every copy is written to a disk. A broker sends each message to its other copies and to every group of
    consumers.
    """
    has = {key: np.array([size[key] for size in sizes.values()]) for key in ("disk", "network", "partitions")}
    written = hourly_max(ctx.load.to_carry(name)) * stream.message_size * 1024 / stream.target_utilization
    sent = written * (stream.replication - 1 + stream.consumers)
    needs: dict[str, Array] = {
        "disk": written * stream.replication / has["disk"] + stream.spare,
        "network": sent / has["network"] + stream.spare,
        "partitions": per_scenario(stream.partitions * stream.replication) / has["partitions"],
        "storage": stored_gib / ctx.catalog.number("kafka", "most_gib"),
        "replication": per_scenario(stream.replication),
    }
    shape = (ctx.scenarios.count, len(sizes))
    return {key: np.broadcast_to(ceil_count(need), shape) for key, need in needs.items()}


def _mirrored(ctx: Context, name: str, stream: Stream, place: Place) -> Iterator[Flow]:
    """Yield the messages that standbys get of the first site's stream."""
    sites = ctx.plan.sites
    if not sites or site_of(name, sites) != next(iter(sites)):
        return
    for site, own in sites.items():
        there = copy_of(name, site, sites)
        if own.standby is not None and there in ctx.plan.streams:
            target = Place("aws", ctx.region("aws", ctx.plan.streams[there].region, ("streams", there)))
            rate = ctx.load.average(name) * stream.message_size
            yield Flow(name, place, target, rate, "messages for the standby", "")


def _recovery(ctx: Context, name: str, mirrored: bool) -> Iterator[Measure]:
    """Yield what is lost of a stream with its region, at a site that is not a standby."""
    site = site_of(name, ctx.plan.sites)
    if site is not None and ctx.plan.sites[site].standby is None:
        how = "a mirror in another region" if mirrored else "no copy in another region"
        yield measure("RPO, region lost", REPLICATION_LAG_S / 60 if mirrored else np.inf, "min", how)
        yield measure("RTO, region lost", 0.0 if mirrored else np.inf, "min", how)
