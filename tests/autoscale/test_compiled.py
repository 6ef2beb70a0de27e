"""The compiled code of the extra `fast` gives what the plain code gives, to the last digit."""

import pytest

KNATIVE = """
name: t
regions: {gcp: us-central1}
demand: {requests_per_second: 300, profile: office-hours}
services:
  api:
    platform: kubernetes
    service_time: 100ms
    cpu_time: 2ms
    concurrency: 10
    instances: {min: 0, max: 40}
    workload: {autoscaler: {kind: knative, knative: {scale_down_delay: 20s}}}
clusters:
  main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 10}}}}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a fresh cache: numba's own does not see that a function changed which another one inlines."""
    pytest.importorskip("numba")
    return str(tmp_path_factory.mktemp("numba"))


@pytest.mark.parametrize("plan", ["examples/amas", "examples/llm-serving", "knative"])
def test_compiled_and_plain_code_agree(process, tmp_path, cache, plan):
    if plan == "knative":
        plan = tmp_path / "plan.yaml"
        plan.write_text(KNATIVE)
    arguments = ("simulate", str(plan), "--days", "1", "--format", "csv", "--outage", "10:00-11:00")
    compiled = process(*arguments, env={"NUMBA_DISABLE_JIT": "0", "NUMBA_CACHE_DIR": cache})
    plain = process(*arguments, env={"NUMBA_DISABLE_JIT": "1"})
    assert compiled == plain
    assert plain.exit_code == 0
