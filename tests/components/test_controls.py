"""The autoscaler of a service: one control in the estimate, in files and in the simulation."""

import re

import pytest
from helpers import SHIPPED, component, estimate_of

from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare, run
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site

BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 240, profile: flat}
    services: {api: null}
    clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-8, nodes: {min: 1, max: 90}}}}}
    manifests:
      aws: {subnets: [subnet-0123456789abcdef0], execution_role: "arn:aws:iam::123456789012:role/tasks"}
"""
ZONES = "redundancy: {zones: 3, survive_zones: 1}"
CARRIES = "cpu_time: 15ms, service_time: 15ms, concurrency: 100, instances: {min: 2, max: 60}"
PLATFORMS = {
    "hpa": "platform: kubernetes, cpu: 1, memory: 1Gi",
    "keda": "platform: kubernetes, cpu: 1, memory: 1Gi, "
    "workload: {autoscaler: {kind: keda, triggers: {cpu: {}}}}",
    "fargate": "platform: fargate, cpu: 1, memory: 2Gi",
    "asg": "platform: vm-group, provider: aws, machine: m6i.large",
    "mig": "platform: vm-group, provider: gcp, machine: n2-standard-2",
    "vmss": "platform: vm-group, provider: azure, machine: Standard_D2s_v5",
    "cloud-run": "platform: cloud-run, cpu: 1, memory: 1Gi",
    "container-apps": "platform: container-apps, cpu: 1, memory: 2Gi",
}
TARGET = {
    "hpa": r"averageUtilization: (\d+)",
    "keda": r"metadata:\n +value: ['\"]?(\d+)",
    "fargate": r"\"TargetValue\": ([\d.]+)",
    "asg": r"\"TargetValue\": ([\d.]+)",
    "mig": r"--target-cpu-utilization 0?\.(\d+)",
    "vmss": r"Percentage CPU > (\d+)",
    "cloud-run": r"scaling-cpu-target: ['\"]?0?\.(\d+)",
}


def api(*parts: str) -> str:
    return f"services.api={{{', '.join(parts)}}}"


def texts_of(estimate) -> str:
    return "\n".join(
        f.text for f in render(Site(estimate), Templates(), RenderOptions()) if "overlays" not in f.path
    )


@pytest.mark.parametrize("platform", TARGET)
def test_the_file_and_the_simulation_have_the_target_that_survives_a_zone(platform):
    estimate = estimate_of(BASE, api(PLATFORMS[platform], CARRIES, ZONES))
    service = component(estimate, "api")
    told, needed = service.control, float(service.sizing.peak[0, 0])
    assert needed > float(estimate_of_plain(platform)), "zones ask for more"
    (written,) = set(re.findall(TARGET[platform], texts_of(estimate)))
    share = float(f"0.{written}") if platform in ("mig", "cloud-run") else float(written) / 100
    assert share == pytest.approx(told.targets["cpu"], abs=1e-9)
    (outcome,) = run(prepare(estimate.file, SHIPPED, Settings(days=1, random=False))).outcomes
    settled = outcome.series.wanted[outcome.series.wanted.size // 2 :]
    assert settled.min() >= needed
    assert settled.max() <= needed + 1


def estimate_of_plain(platform: str) -> float:
    return float(component(estimate_of(BASE, api(PLATFORMS[platform], CARRIES)), "api").sizing.peak[0, 0])


def test_a_measure_that_cannot_reach_its_target_is_a_finding_with_its_cause():
    """Two requests of 600 ms on two cores: CPU never passes 60 %."""
    busy = "service_time: 1s, cpu_time: 600ms, concurrency: 2, instances: {min: 1, max: 200}"
    found = component(estimate_of(BASE, api(PLATFORMS["asg"], busy)), "api")
    (finding,) = [f for f in found.findings if f.code == "target-unreachable"]
    assert finding.severity == "warning"
    assert "60% of an instance, as its concurrency is used up" in finding.message
    assert found.control.targets["cpu"] < 0.6
    stated = "platform: kubernetes, cpu: 2, memory: 1Gi, workload: {autoscaler: {triggers: {cpu: 70}}}"
    found = component(estimate_of(BASE, api(stated, busy)), "api")
    assert ("target-unreachable", "error") in {(f.code, f.severity) for f in found.findings}
    other = stated.replace("cpu: 70}", "cpu: 70, requests: 2}")
    assert "target-unreachable" not in {
        f.code for f in component(estimate_of(BASE, api(other, busy)), "api").findings
    }


def test_a_stated_target_is_told_what_it_misses_and_what_it_runs():
    stated = PLATFORMS["hpa"] + ", workload: {autoscaler: {triggers: {cpu: 70}}}"
    found = component(estimate_of(BASE, api(stated, CARRIES, ZONES)), "api")
    (finding,) = [f for f in found.findings if f.code == "autoscaler-short"]
    assert finding.severity == "error"
    assert found.control.targets == {"cpu": 0.7}
    more = PLATFORMS["hpa"] + ", workload: {autoscaler: {triggers: {requests: 10}}}"
    found = component(estimate_of(BASE, api(more, CARRIES)), "api")
    (finding,) = [f for f in found.findings if f.code == "autoscaler-runs-more"]
    assert "24.0 instances on average, not 6.0" in finding.message
    assert finding.severity == "warning", "the bill is that of 6"


@pytest.mark.parametrize(("target", "count"), [("30%", 12), ("60%", 6), ("90%", 4)])
def test_cloud_runs_targets_are_those_of_the_plan_everywhere(target, count):
    goes = f"target_utilization: {{cpu: {target}, concurrency: {target}}}"
    estimate = estimate_of(BASE, api(PLATFORMS["cloud-run"], CARRIES, goes))
    assert float(component(estimate, "api").sizing.peak[0, 0]) == count
    assert set(re.findall(r"scaling-(?:cpu|concurrency)-target: ['\"]?([\d.]+)", texts_of(estimate))) == {
        f"{float(target[:-1]) / 100:g}"
    }
    (outcome,) = run(prepare(estimate.file, SHIPPED, Settings(days=1, random=False))).outcomes
    assert outcome.series.wanted[outcome.series.wanted.size // 2 :].max() == count
