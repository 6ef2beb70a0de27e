"""Totals that others published: planning documents, price pages, recorded outputs of other estimators.

"Reference" means the list of prices and totals in the documents that capplan was specified with; Cyclenerd is
google-cloud-pricing-cost-calculator@fd66b26, which works out months with every discount.
"""

import math

import pytest
from helpers import ROOT, SHIPPED, component, disks, estimate_of, monthly, peak

from capplan.estimate import estimate
from capplan.plan.read import read_plan
from capplan.plan.sweep import read_sweeps

AFPI = ROOT / "examples" / "afpi"
LEVQOR = ROOT / "examples" / "levqor"
LLM = ROOT / "tests" / "conformance" / "cases" / "llm-observatory.yaml"


def afpi(*sets, alternative=None, books=()):
    return estimate(read_plan(AFPI, sets, alternative, books), SHIPPED)


def test_afpi_phase_1_costs_900_a_month_by_its_own_figures():
    assert monthly(afpi(books=["afpi"])) == pytest.approx(900, abs=1e-6)


def test_afpi_phase_1_line_by_line():
    result = afpi(books=["afpi"])
    costs = {name: monthly(result, name) for name in ("frontend", "backend", "sql", "redis", "llm-api")}
    assert costs == pytest.approx({"frontend": 50, "backend": 100, "sql": 200, "redis": 50, "llm-api": 500})


def test_afpi_phase_2_costs_1613_a_month_by_its_own_figures():
    assert monthly(afpi(alternative="gke-gpu", books=["afpi"])) == pytest.approx(1613, abs=1e-6)


INFRASTRUCTURE = ("afpi-prod", "afpi-prod/standard", "afpi-prod/gpu", "sql", "redis")


@pytest.mark.parametrize(
    ("sets", "usd"),
    [
        ([], 1660.51),
        (["pricing.sustained_use=true"], 1452.46),
        (["pricing.sustained_use=true", "clusters.afpi-prod.pools.gpu.purchase={spot: 100%}"], 1100.62),
    ],
)
def test_afpi_phase_2_at_list_prices(sets, usd):
    """Reference, section 4: the same list with and without discounts, Cloud Run at the document's 150."""
    result = afpi(*sets, alternative="gke-gpu")
    found = sum(monthly(result, name) - disks(result, name) for name in INFRASTRUCTURE)
    assert 150 + found == pytest.approx(usd, abs=0.02)


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("afpi-prod", 73.0),
        ("afpi-prod/standard", 416.10),
        ("afpi-prod/gpu", 788.40),
        ("sql", 197.25),
        ("redis", 35.77),
    ],
)
def test_afpi_phase_2_parts_at_list_prices(name, usd):
    result = afpi(alternative="gke-gpu")
    assert monthly(result, name) - disks(result, name) == pytest.approx(usd, abs=0.01)


def test_levqor_needs_8_instances_at_500_requests_a_second():
    result = estimate(read_plan(LEVQOR), SHIPPED)
    assert float(result.load.peak_rps[0, 0]) == pytest.approx(500)
    assert peak(result, "backend") == 8


def test_levqor_scaling_formula():
    """Required instances = ⌈peak ÷ 75⌉ + 1, never fewer than 2; the SLO is not part of the formula."""
    edges = [75 * n + more for n in range(1, 40) for more in (0, 1)]
    peaks = sorted({*range(1, 6000, 61), *edges})
    file = read_plan(LEVQOR, ["services.backend.instances={min: 2, max: 100}", "services.backend.slo=null"])
    rates = ",".join(str(peak_rps / 2.5) for peak_rps in peaks)
    result = estimate(file, SHIPPED, read_sweeps(file, [f"requests_per_second={rates}"]).scenarios)
    counts = component(result, "backend").sizing.peak.ravel().tolist()
    assert counts == [max(math.ceil(peak_rps / 75) + 1, 2) for peak_rps in peaks]


@pytest.mark.parametrize(("alternative", "usd"), [("aws", 983.86), ("gcp", 790.01), ("azure", 1077.77)])
def test_llm_observatory_on_three_clouds(alternative, usd):
    """Reference, section 4: the monthly list totals of the third document's platforms."""
    file = read_plan(LLM, (), alternative)
    result = estimate(file, SHIPPED)
    assert monthly(result) - disks(result) == pytest.approx(usd, abs=0.02)


MACHINE = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 1, profile: flat}
    services: {vm: {platform: vm-group, provider: gcp, machine: MACHINE, instances: 1}}
"""


@pytest.mark.parametrize(
    ("machine", "region", "change", "usd"),
    [
        ("n1-standard-4", "us-central1", "", 97.089489),
        ("n1-standard-4", "europe-west1", "", 106.802577),
        ("n1-standard-4", "us-central1", "{commit_1y: 100%}", 87.37735),
        ("n1-standard-4", "us-central1", "{commit_3y: 100%}", 62.41865),
        ("n1-standard-4", "us-central1", "{spot: 100%}", 48.9173),
        ("a2-highgpu-2g", "us-central1", "", 5363.1421),
        ("a2-highgpu-2g", "us-central1", "{commit_1y: 100%}", 3378.7422784),
        ("a2-highgpu-2g", "us-central1", "{commit_3y: 100%}", 1877.13415596),
        ("a2-highgpu-2g", "us-central1", "{spot: 100%}", 2814.9092),
        ("g2-standard-4", "us-central1", "", 515.98754615),
        ("g2-standard-4", "us-central1", "{commit_1y: 100%}", 325.07215214),
        ("g2-standard-4", "us-central1", "{commit_3y: 100%}", 232.19438719),
    ],
)
def test_a_month_of_a_machine_with_every_discount(machine, region, change, usd):
    """Cyclenerd's months: sustained use where nothing is committed, the commitment alone where it is."""
    sets = [f"regions.gcp={region}"] + ([f"services.vm.purchase={change}"] if change else [])
    # The unit rates are rounded at the source; a 37 % discount is 36.999 to 37.002 in its rows.
    assert monthly(estimate_of(MACHINE.replace("MACHINE", machine), *sets)) == pytest.approx(usd, rel=2e-4)


RUN = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_month: 1M, profile: flat}
    pricing: {free_tier: false}
    services: {web: {platform: cloud-run, cpu: 1, memory: 1Gi, service_time: 100ms, concurrency: 1}}
"""


@pytest.mark.parametrize(
    ("sets", "usd"),
    [
        ([], 3.05),
        (["services.web.service_time=1s"], 26.9),
        (["services.web.service_time=1s", "services.web.cpu=2", "services.web.memory=2Gi"], 53.4),
    ],
)
def test_a_million_requests_on_cloud_run(sets, usd):
    """Reference: what the AFPI document's "per request" prices really are, without the free tier."""
    assert monthly(estimate_of(RUN, *sets)) == pytest.approx(usd)


def test_the_bare_request_fee_of_a_billion_and_a_half():
    """Reference, section 4: 599 a month after the free tier."""
    result = estimate_of(
        RUN,
        "pricing.free_tier=true",
        "demand.requests_per_month=1.5G",
        "services.web.instances={max: 100000}",
    )
    fee = next(line for line in result.lines if line.sku == "requests")
    assert float(fee.cost.expected[0, 0]) == pytest.approx(599.2)


STORES = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 1, profile: flat}
    services: {web: {platform: cloud-run, service_time: 1s, instances: {max: 1}}}
"""


MYSQL_HA = "platform: cloud-sql, engine: mysql, machine: db-n1-standard-2, high_availability: true"


@pytest.mark.parametrize(
    ("kind", "store", "hourly"),
    [
        ("databases", "platform: rds, engine: postgres, machine: db.r6g.xlarge", 0.45),
        (
            "databases",
            "platform: rds, engine: postgres, machine: db.r6g.xlarge, high_availability: true",
            0.90,
        ),
        ("databases", "platform: rds, engine: postgres, machine: db.t3.large", 0.145),
        ("databases", "platform: cloud-sql, engine: postgres, machine: db-custom-4-16384", 0.2772),
        ("databases", "platform: cloud-sql, engine: mysql, machine: db-n1-standard-2", 0.1351),
        ("databases", MYSQL_HA, 0.2702),
        ("databases", "platform: azure-postgresql, machine: GP_Standard_D4ds_v4", 0.356),
        ("caches", "platform: elasticache, machine: cache.r6g.large", 0.206),
        ("caches", "platform: azure-redis, machine: standard-C3", 0.45),
        ("caches", "platform: memorystore, size: 1Gi", 0.049),
        ("caches", "platform: memorystore, size: 5Gi", 0.135),
    ],
)
def test_prices_of_stores_named_in_the_documents(kind, store, hourly):
    assert monthly(estimate_of(STORES, f"{kind}={{d: {{{store}}}}}"), "d") == pytest.approx(730 * hourly)


@pytest.mark.parametrize(
    ("provider", "machine", "region", "hourly"),
    [
        ("gcp", "n1-standard-4", "us-central1", 0.189999),
        ("gcp", "n1-standard-8", "us-central1", 0.379998),
        ("gcp", "a2-highgpu-2g", "us-central1", 7.34677),
        ("aws", "m5.xlarge", "us-east-1", 0.192),
        ("aws", "m5.xlarge", "us-west-2", 0.192),
        ("aws", "m5.xlarge", "eu-west-1", 0.214),
        ("azure", "Standard_D4s_v3", "eastus", 0.192),
        ("azure", "Standard_D4s_v3", "westeurope", 0.240),
    ],
)
def test_prices_of_machines_named_in_the_documents(provider, machine, region, hourly):
    text = MACHINE.replace("provider: gcp", f"provider: {provider}").replace("MACHINE", machine)
    result = estimate_of(text, f"regions={{{provider}: {region}}}", "pricing.sustained_use=false")
    assert monthly(result) == pytest.approx(730 * hourly, rel=1e-6)


def test_a2_highgpu_2g_is_as_large_as_google_says():
    """The AFPI document gives it 85 GB, which is the one-GPU size."""
    sku = SHIPPED.require("gcp", "compute-engine", "a2-highgpu-2g")
    assert (sku.vcpu, sku.memory_gib, sku.gpu_count) == (24, 170, 2)


def test_the_gke_fee_of_the_document():
    assert component(afpi(alternative="gke-gpu"), "afpi-prod").kind == "cluster"
    assert monthly(afpi(alternative="gke-gpu"), "afpi-prod") == pytest.approx(73)
