"""What many tests share: a plan from text, its estimate, and the numbers in it."""

import textwrap
from pathlib import Path

from hypothesis import settings

from capplan.arrays import in_scenario
from capplan.catalog.catalog import Catalog
from capplan.demand.load import Load, load_on, pattern_of
from capplan.estimate import Estimate, estimate
from capplan.plan.bind import Scenarios
from capplan.plan.read import PlanFile, parse_plan
from capplan.plan.sweep import read_sweeps

moderate = settings(max_examples=50, deadline=None)
"""Enough examples to find what is wrong, few enough to run all of them often."""

ROOT = Path(__file__).parents[1]
CASES = Path(__file__).parent / "conformance" / "cases"
SHIPPED = Catalog(None)
"""Read once: catalogs do not change while the tests run."""

FLAT_VM = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        throughput: 10/s
"""
"""One service on virtual machines, 10 instances at a load that never changes."""


def plan_of(text: str, *sets: str, directory: Path = Path(), alternative: str | None = None) -> PlanFile:
    """Return the plan that ``text`` says, with the changes ``path=value`` on top."""
    return parse_plan(textwrap.dedent(text), "plan.yaml", directory, sets, alternative)


def estimate_of(
    text: str,
    *sets: str,
    catalog: Catalog = SHIPPED,
    sweep: tuple[str, ...] = (),
    alternative: str | None = None,
) -> Estimate:
    """Return the estimate of the plan in ``text``."""
    file = plan_of(text, *sets, alternative=alternative)
    scenarios = read_sweeps(file, sweep).scenarios if sweep else Scenarios()
    return estimate(file, catalog, scenarios)


def load_of(file: PlanFile, hours_per_month: float = 730.0) -> Load:
    """Return the load that a plan describes, its trace beside it."""
    pattern = pattern_of(file.plan.demand, file.directory)
    return load_on(pattern, file.plan, hours_per_month, file.places)


def component(result: Estimate, name: str):
    """Return one component of an estimate."""
    return next(c for c in result.components if c.name == name)


def monthly(result: Estimate, name: str | None = None) -> float:
    """Return the expected monthly cost, of one component or of everything, in the first scenario."""
    cost = result.total if name is None else result.cost_of(name)
    return float(cost.expected[0, 0])


def disks(result: Estimate, name: str | None = None) -> float:
    """Return the expected monthly cost of boot disks and of pods' volumes, which published sums leave out."""
    noted = {"boot disks", "default boot disks", "volumes of pods"}
    lines = [line for line in result.lines if line.meter.note in noted and line.cost is not None]
    return sum(float(one.cost.expected[0, 0]) for one in lines if name in (None, one.meter.component))


def peak(result: Estimate, name: str, scenario: int = 0) -> float:
    """Return the instances that a component needs in its busiest hour."""
    return row(component(result, name).sizing.peak, scenario)


row = in_scenario
"""The value of one scenario."""


def lines_by_sku(result: Estimate, name: str) -> dict[str, list]:
    """Return a component's cost lines by SKU."""
    found: dict[str, list] = {}
    for line in result.lines_of(name):
        found.setdefault(line.sku, []).append(line)
    return found


def codes(result: Estimate) -> set[str]:
    """Return the codes of the findings."""
    return {finding.code for finding in result.findings}


def survivors(instances: int, zones: int, lost: int) -> int:
    """Return how many instances, spread evenly over zones, are left when the fullest ``lost`` zones fail."""
    each, rest = divmod(instances, zones)
    spread = [each + 1] * rest + [each] * (zones - rest)
    return sum(sorted(spread)[: zones - lost])
