"""Plans drawn at random: every platform, stores, redundancy, ways to buy."""

from typing import Any

import yaml
from hypothesis import strategies as st

# From a hundredth on: without any load a known mistake shows, see test_sustained_use_at_the_ceiling.
RATES = st.floats(0.01, 2000).map(lambda rps: round(rps, 3))


def _bounds(highest_floor: int) -> st.SearchStrategy[dict[str, int]]:
    floors = st.integers(0, highest_floor)
    return st.builds(lambda low, room: {"min": low, "max": low + room}, floors, st.integers(1, 400))


REDUNDANCY = st.integers(1, 4).flatmap(
    lambda zones: st.fixed_dictionaries(
        {"spare": st.integers(0, 3), "zones": st.just(zones), "survive_zones": st.integers(0, zones - 1)}
    )
)
CARRYING = {
    "service_time": st.sampled_from(["20ms", "150ms", "1s"]),
    "cpu_time": st.sampled_from(["5ms", "20ms"]),
    "concurrency": st.sampled_from([1, 8, 80]),
    "redundancy": REDUNDANCY,
    "instances": _bounds(4),
}
PURCHASE = st.fixed_dictionaries({"spot": st.sampled_from(["0%", "30%", "100%"])})

CLOUD_RUN = st.sampled_from([(1, "512Mi"), (1, "2Gi"), (2, "512Mi"), (2, "2Gi"), (4, "2Gi")]).flatmap(
    lambda size: st.fixed_dictionaries(
        {
            **CARRYING,
            "platform": st.just("cloud-run"),
            "cpu": st.just(size[0]),
            "memory": st.just(size[1]),
            "billing": st.sampled_from(["request", "instance"]),
            "response_size": st.sampled_from([0, "40Ki"]),
        }
    )
)
CONTAINER_APPS = st.fixed_dictionaries({**CARRYING, "platform": st.just("container-apps")})
FARGATE = st.fixed_dictionaries(
    {
        **CARRYING,
        "platform": st.just("fargate"),
        "cpu": st.just(1),
        "memory": st.sampled_from(["2Gi", "4Gi"]),
        "spot": st.sampled_from(["0%", "50%"]),
    }
)
VM_GROUP = st.sampled_from(
    [("gcp", "n1-standard-4"), ("gcp", "n2-standard-2"), ("aws", "m5.large"), ("azure", "Standard_D4s_v5")]
).flatmap(
    lambda machine: st.fixed_dictionaries(
        {
            **CARRYING,
            "platform": st.just("vm-group"),
            "provider": st.just(machine[0]),
            "machine": st.just(machine[1]),
            # Azure's price list has no spot prices: unpriced, which has tests of its own.
            "purchase": PURCHASE if machine[0] != "azure" else st.just({}),
        }
    )
)
KUBERNETES = st.fixed_dictionaries(
    {
        **CARRYING,
        "platform": st.just("kubernetes"),
        "cpu": st.sampled_from(["100m", "500m", 1, 2]),
        "memory": st.sampled_from(["128Mi", "1Gi", "4Gi"]),
    }
)
SERVICES = st.one_of(CLOUD_RUN, CONTAINER_APPS, FARGATE, VM_GROUP, KUBERNETES)

POOLS = {"gke": "n1-standard-8", "eks": "m5.2xlarge", "aks": "Standard_D8s_v5"}
CLUSTERS = st.sampled_from(list(POOLS)).flatmap(
    lambda platform: st.fixed_dictionaries(
        {
            "platform": st.just(platform),
            "pools": st.fixed_dictionaries(
                {"p": st.fixed_dictionaries({"machine": st.just(POOLS[platform]), "nodes": _bounds(3)})}
            ),
        }
    )
)
STORES = st.sampled_from(
    [
        {"platform": "rds", "engine": "mysql", "machine": "db.r6g.large", "storage": "50Gi"},
        {"platform": "aurora", "machine": "db.r6g.large", "io_per_request": 1.5},
        {
            "platform": "cloud-sql",
            "engine": "postgres",
            "machine": "db-custom-4-16384",
            "high_availability": True,
        },
    ]
)


def _plan(rps, profile, web, api, cluster, store, calls) -> dict[str, Any]:
    plan = {
        "name": "drawn",
        "regions": {"gcp": "us-central1", "aws": "us-east-1", "azure": "eastus"},
        "demand": {"requests_per_second": rps, "profile": profile},
        "services": {
            "web": {**web, "calls": {"api": {"per_request": calls}, "llm": 0.01}},
            "api": {**api, "calls": {"db": 2}},
        },
        "databases": {"db": store},
        "external_apis": {"llm": {"price_per_request": 0.002}},
    }
    if "kubernetes" in (web["platform"], api["platform"]):
        plan["clusters"] = {"k": cluster}
    return plan


PLANS = st.builds(
    _plan,
    RATES,
    st.sampled_from(["flat", "office-hours", "consumer-diurnal", "weekly"]),
    SERVICES,
    SERVICES,
    CLUSTERS,
    STORES,
    st.sampled_from([0.5, 1, 3]),
)


def text_of(plan: dict[str, Any]) -> str:
    """Return a plan as a file."""
    return yaml.safe_dump(plan, sort_keys=False)
