"""One plan of a fleet: estimated in whatever process, and kept in small values."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Block
from capplan.cost.lines import Terms, tariff
from capplan.cost.machines import MachinePool
from capplan.cost.meters import EXTERNAL, Meter
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.fleet.sources import SentText, plan_of
from capplan.gate.checks import INCREASE_UNKNOWN
from capplan.gate.read import GATES_NAME, gates_of
from capplan.gate.sides import as_it_was, changed_files
from capplan.plan.read import PlanFile
from capplan.report.blocks import Result
from capplan.report.view import EstimateView, LineView, Owner, line_view, view

Key = tuple[str, ...]
Estimated = Callable[[str, PlanFile], AbstractContextManager[Estimate]]
HOURS = 168
"""Hours of a typical week; what never varies is the same in each of them."""


_UNJUDGED = INCREASE_UNKNOWN.finding(
    "",
    "increases are not judged: the base has no estimate of this plan alone",
    "Take a revision that has the plan.",
    severity="warning",
)


class FleetOptions(NamedTuple):
    """The plans, and what all of them are estimated with; ``file``: the fleet file, if one is named.

    bases: plans that changes are measured from, by name; None where no base is asked for.
    texts: of plans that are read already, because they go to a machine without their files.
    judged: whether each plan is judged by its own gates.
    """

    plans: Sequence[str]
    file: Path | None
    books: Sequence[str]
    catalogs: Path | None
    today: date
    texts: Mapping[str, SentText] = {}
    bases: Mapping[str, str] | None = None
    judged: bool = True


class Charged(NamedTuple):
    """What one meter of a plan costs where the plan is alone, and what it takes to tell it among others.

    meter, blocks: of a tariff in blocks; None and empty otherwise. pool: key of the machines that it bills.
    """

    lines: Sequence[LineView]
    meter: Meter | None = None
    blocks: Sequence[Block] = ()
    pool: Key | None = None


class Member(NamedTuple):
    """One plan of a fleet.

    shown: its estimate without components and lines; None where it is broken, which ``trouble`` says.
    charges: in the order of its cost lines. pools: machines by provider, service, SKU, region and the number
    of hours that are told apart. failed: results of its own gates.
    """

    source: str
    owner: Owner = Owner("unknown", "unknown")
    shown: EstimateView | None = None
    terms: Terms = Terms(0.0, True)
    charges: Sequence[Charged] = ()
    pools: Mapping[Key, MachinePool] = {}
    failed: Sequence[Result] = ()
    trouble: str = ""

    @property
    def lines(self) -> list[LineView]:
        """Its cost lines."""
        return [line for charge in self.charges for line in charge.lines]


def members_of(catalog: Catalog, asked: FleetOptions) -> list[Member]:
    """Return the plans as members of a fleet; broken ones say what is wrong with them.

    All of them share one ``catalog``: each of its files is read once.
    """
    estimated = partial(_estimated, catalog, cache(changed_files))  # git is asked once for each revision
    found = [_member(source, asked, estimated) for source in asked.plans]
    gc.collect()  # what an estimate leaves behind refers to itself, and commands collect nothing
    return found


@contextmanager
def _estimated(
    catalog: Catalog, differing: Callable[[str], Sequence[Path]], source: str, file: PlanFile
) -> Iterator[Estimate]:
    with as_it_was(source, file, differing) as then:
        yield estimate(then, catalog)


def _member(source: str, asked: FleetOptions, estimated: Estimated) -> Member:
    try:
        file = plan_of(source, asked.books, asked.texts.get(source))
        with estimated(source, file) as found:
            shown = view(found)
            return Member(
                source=source,
                owner=shown.owner,
                shown=shown._replace(components=(), lines=()),
                terms=found.terms,
                charges=list(_charges(found)),
                pools=_pools(found),
                failed=_failed(source, found, asked, estimated) if asked.judged else (),
            )
    except (InputError, OSError) as error:
        trouble = str(error).replace("\n", "; ")
        unknown = LineView(
            **dict.fromkeys(("component", "provider", "service", "region"), "unknown"),
            sku="all of the plan",
            rate="on_demand",
            note="",
            unit="plan",
            quantity=1.0,
            unit_price=None,
            list_price=None,
            cost=None,
            status="unpriced",
            source=trouble,
            as_of=None,
            formula="",
        )
        return Member(source, charges=[Charged([unknown])], trouble=trouble)


def _charges(found: Estimate) -> Iterator[Charged]:
    catalog = found.context.catalog
    for _, group in groupby(found.lines, key=lambda line: id(line.meter)):
        lines = list(group)
        meter, views = lines[0].meter, [line_view(line) for line in lines]
        by_catalog = meter.price is None and meter.provider != EXTERNAL
        if by_catalog and meter.sku in catalog.service(meter.provider, meter.service).tiers:
            yield Charged(views, meter, tariff(meter, catalog, found.terms))
        else:
            yield Charged(views, pool=None if meter.pool is None else _pool_key(meter, meter.pool))


def _pools(found: Estimate) -> dict[Key, MachinePool]:
    """Return the machines that a plan runs, spot left out."""
    pools: dict[Key, MachinePool] = {}
    for meter in (meter for component in found.components for meter in component.meters):
        if meter.pool is not None and meter.rate == "on_demand" and not meter.note:
            key, machines = _pool_key(meter, meter.pool), meter.pool.machines
            if machines.running.shape[-1] == 1:
                machines = machines._replace(running=np.broadcast_to(machines.running, (1, HOURS)))
            pool = meter.pool._replace(machines=machines)
            pools[key] = pools[key].with_(pool) if key in pools else pool
    return pools


def _pool_key(meter: Meter, pool: MachinePool) -> Key:
    steps = pool.machines.running.shape[-1]
    return (meter.provider, meter.service, meter.sku, meter.region, str(HOURS if steps == 1 else steps))


def _failed(source: str, found: Estimate, asked: FleetOptions, estimated: Estimated) -> Sequence[Result]:
    """Return what a plan's own gates forbid, or cannot judge; nothing of a plan without gates."""
    file = found.file
    if file.plan.gates is None and not (file.directory / GATES_NAME).is_file():
        return ()
    from capplan.gate.check import Against, check, judged_by
    from capplan.gate.judged import judged
    from capplan.report.json_format import estimate_document

    own = gates_of(file, None)
    if own.gates.coverage.artefacts == "warn":
        # Files are rendered only for this warning, which a fleet does not show.
        coverage = own.gates.coverage.model_copy(update={"artefacts": "allow"})
        own = own._replace(gates=own.gates.model_copy(update={"coverage": coverage}))
    today, base, unjudged = asked.today, None, []
    if own.gates.increases and asked.bases is not None:
        at = asked.bases.get(source) or asked.bases.get(found.plan.name)
        if at is None:
            unjudged.append(judged(_UNJUDGED, "increase/not-judged", "cost", ("increases", 0)))
        else:
            with estimated(at, plan_of(at, asked.books)) as before:
                base = estimate_document(before)
    checked = check(found, estimate_document(found), own, Against(today, base))
    failed = (result for result in checked.found if result.fails)
    return [*failed, *judged_by(own, unjudged, Against(today))]
