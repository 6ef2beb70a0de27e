"""Run files of HPA cases: ``python -m tests.conformance.hpa FILE.json``.

A file has a list of cases in each of its sections, named as in :data:`SECTIONS`, with or without ``_random``;
inputs and expectations are those that Kubernetes' own code gives. Prints every failure and a last line
``N passed, M failed``; exits with 1 if any failed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from capplan.autoscale.compiled import ints
from capplan.autoscale.hpa import events as event_log
from capplan.autoscale.hpa import limits, metrics, pods, reasons, recommendations, reconcile, rules
from capplan.autoscale.hpa.spec import Hpa, hpa
from capplan.autoscale.hpa.tolerance import Tolerance

Case = Mapping[str, Any]
NOW = 0.0


def run(path: Path) -> tuple[int, int, list[str]]:
    """Return how many cases of a file passed and failed, and what is wrong."""
    passed, failed, wrong = 0, 0, []
    for section, cases in json.loads(path.read_text(encoding="utf-8")).items():
        for case in cases if isinstance(cases, list) else []:
            if not isinstance(case, dict):
                continue
            found = list(failures(section, case))
            wrong += [f"{section} {case.get('id', '?')}: {failure}" for failure in found]
            passed, failed = passed + (not found), failed + bool(found)
    return passed, failed, wrong


def failures(section: str, case: Case) -> Iterator[str]:
    """Yield what is wrong with one case."""
    kind = section.removesuffix("_random")
    if kind not in SECTIONS:
        yield "unknown section"
        return
    try:
        for what, expected, found in SECTIONS[kind](case):
            if expected != found:
                yield f"{what}: expected {expected}, computed {found}"
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield f"{type(error).__name__}: {error}"


Compared = Iterator[tuple[str, object, object]]


def replica_calculator(case: Case) -> Compared:
    tolerance = Tolerance(case["tolerance"]["up"], case["tolerance"]["down"])
    current, kind, expect = case["current_replicas"], case["type"], case["expect"]
    if kind in ("resource_utilization", "resource_average_value", "pods_average_value"):
        found, shown, extra = _per_pod(case, tolerance)
    else:
        total, target = metrics.summed(case["samples_milli"]), case["target_milli"]
        extra = None
        if kind in ("object_value", "external_value"):
            ready = pods.running_and_ready(_pods(case, None))
            found, shown = metrics.value(total, target, len(case["pods"]), ready, current, tolerance)
        else:
            replicas = case.get("status_replicas", current)
            found, shown = metrics.average(total, target, replicas, tolerance)
    if "error" in expect or "error_contains" in expect:
        yield "error", metrics.ERROR, found
        return
    yield "replicas", expect["replicas"], found
    if "utilization_percent" in expect:
        yield "utilization", expect["utilization_percent"], shown
        yield "average", expect["average_value_milli"], extra
    if "usage_milli" in expect:
        yield "usage", expect["usage_milli"], shown


def _per_pod(case: Case, tolerance: Tolerance) -> tuple[int, int, int]:
    container = case.get("container", "")
    target = case.get("target_utilization_percent")
    selected = _pods(case, container)
    given = {m["pod"]: _sample(m, container) for m in case.get("pod_metrics") or []}
    samples = {name: sample for name, sample in given.items() if sample is not None}
    is_cpu = case["type"] != "pods_average_value" and case.get("resource", "cpu") == "cpu"
    totals = pods.pod_totals(selected, samples, target, is_cpu, _readiness(case))
    kind = metrics.AVERAGE if target is None else metrics.UTILIZATION
    aim = case["target_milli"] if target is None else target
    found, shown = metrics.per_pod(totals, kind, aim, case["current_replicas"], tolerance)
    return found, shown, totals.known_usage // max(totals.ready, 1)


def _pods(case: Case, container: str | None) -> list[pods.Pod]:
    found = []
    for pod in case["pods"]:
        ready = pod["ready_condition"] if "ready_condition" in pod else pod["ready"]
        found.append(
            pods.Pod(
                name=pod["name"],
                request=_request(pod.get("container_requests_milli"), container),
                phase=pod["phase"],
                deleting=pod["deleting"],
                ready=None if ready is None else str(ready),
                start_age_s=pod["start_age_s"],
                transition_age_s=pod.get("ready_transition_age_s") or 0.0,
            )
        )
    return found


def _request(by_container: Mapping[str, int | None] | None, container: str | None) -> int | None:
    if not by_container or container is None:
        return None
    wanted = [by_container.get(container)] if container else list(by_container.values())
    return None if None in wanted else sum(request or 0 for request in wanted)


def _sample(metric: Case, container: str) -> pods.PodSample | None:
    """Return a pod's sample, or None: a pod without the container, or without any, counts as missing."""
    if "value_milli" in metric:
        used = [metric["value_milli"]]
    else:
        by_container = metric["containers_milli"] or {}
        used = [by_container.get(container)] if container else list(by_container.values())
    if not used or None in used:
        return None
    return pods.PodSample(sum(used), metric["timestamp_age_s"], metric["window_s"])


def _readiness(case: Case) -> pods.Readiness:
    return pods.Readiness(case["cpu_initialization_period_s"], case["initial_readiness_delay_s"])


def group_pods(case: Case) -> Compared:
    samples = {
        n: pods.PodSample(m["value"], m["timestamp_age_s"], m["window_s"]) for n, m in case["metrics"].items()
    }
    found = pods.grouped(_pods(case, None), samples, case["resource"] == "cpu", _readiness(case))
    names = {pods.UNREADY: "unready", pods.MISSING: "missing", pods.IGNORED: "ignored"}
    for number, name in names.items():
        yield name, case["expect"][name], sorted(pod for pod, kind in found.items() if kind == number)
    yield "ready", case["expect"]["ready_count"], sum(kind == pods.READY for kind in found.values())


def behavior_rate(case: Case) -> Compared:
    ups, downs = _events(case["scale_up_events"]), _events(case["scale_down_events"])
    spec = _spec(case["min"], case["max"], case["scale_up_effective"], case["scale_down_effective"])
    found, why = reconcile.within_policies(spec, ups, downs, case["current"], case["desired"], NOW)
    yield "replicas", case["expect"]["replicas"], found
    yield "condition", case["expect"]["condition"], reasons.NAMES[why]


def stabilize_behavior(case: Case) -> Compared:
    log = _log(case["recommendations"])
    windows = (case["scale_up_window_s"], case["scale_down_window_s"])
    found = recommendations.stabilised(log, case["desired"], case["current"], *windows, NOW)
    yield "replicas", case["expect"]["replicas"], found
    if case["expect"]["recommendations_after"] is not None:
        yield "log", case["expect"]["recommendations_after"], list(log.replicas[: log.size[0]])


def stabilize_legacy(case: Case) -> Compared:
    log = _log(case["recommendations"])
    window = case["downscale_stabilization_s"]
    yield (
        "replicas",
        case["expect"]["replicas"],
        recommendations.stabilised_legacy(log, case["desired"], window, NOW),
    )
    yield "log", case["expect"]["log_length"], log.size[0]


def legacy_limit(case: Case) -> Compared:
    spec = _spec(case["min"], case["max"])._replace(up_factor=case["scale_up_limit_factor"])
    found, why = reconcile.within_legacy_limits(spec, case["current"], case["desired"])
    yield "replicas", case["expect"]["replicas"], found
    yield "condition", case["expect"]["condition"], reasons.NAMES[why]


def store_events(case: Case) -> Compared:
    log, expect = _events(case["prev_events"]), case["expect"]
    yield "before", expect["change_in_period_before"], event_log.changed(log, case["change_period_s"], NOW)
    if case["rules"] is not None:
        event_log.store(log, _rules(case["rules"]), case["replica_change"], NOW)
    after = [{"change": log.changes[i], "outdated": bool(log.outdated[i])} for i in range(log.size[0])]
    yield "after", expect["events_after"], after


def limit_functions(case: Case) -> Compared:
    none, given = _events([]), _rules(case["rules"])
    limit = limits.up_limit if case["direction"] == "up" else limits.down_limit
    yield "limit", case["expect"]["limit"], limit(given, none, none, case["current"], NOW)


def controller(case: Case) -> Compared:
    spec = _controller_spec(case)
    state = reconcile.state(spec, 1.0)
    if case["recommendations"] is not None:
        state = state._replace(log=_log(case["recommendations"]))
    zero = {"True": reasons.SCALED_TO_ZERO, "False": reasons.NOT_SCALED_TO_ZERO}
    state.reasons[reasons.ZERO] = zero.get(case["initial_conditions"].get("ScaledToZero"), reasons.NONE)
    results = [_propose(case, metric, spec.tolerance) for metric in case["metrics"]]
    proposals = ints([proposal for proposal, _ in results])
    failures = ints([_FAILURES.get(m["type"], reasons.INVALID_METRIC_SOURCE_TYPE) for m in case["metrics"]])
    # An empty log is not one that was never set: the controller seeds only the latter.
    seeded = case["recommendations"] == []
    if seeded:
        recommendations.record(state.log, 0, 0, NOW - 1e6)
    expect = case["expect"]
    found = reconcile.reconcile(spec, state, case["spec_replicas"], proposals, failures, NOW)
    yield "replicas", expect["desired_replicas"], found
    yield "conditions", expect["conditions"], _conditions(spec, state)
    if "cpu_utilization_percent" in expect:
        yield "utilization", expect["cpu_utilization_percent"], results[0][1]


_FAILURES = {
    "Resource": reasons.FAILED_GET_RESOURCE,
    "ContainerResource": reasons.FAILED_GET_CONTAINER_RESOURCE,
    "Pods": reasons.FAILED_GET_PODS,
    "Object": reasons.FAILED_GET_OBJECT,
    "External": reasons.FAILED_GET_EXTERNAL,
}


def _controller_spec(case: Case) -> Hpa:
    given = case["behavior_given"]
    up, down = (given or {}).get("scaleUp"), (given or {}).get("scaleDown")
    low = case["min_replicas"]
    spec = _spec(1 if low is None else low, case["max_replicas"], up or {}, down or {})
    gates = case["feature_gates"]
    return spec._replace(
        has_behavior=given is not None,
        tolerance=_tolerance({}, given or {}) if gates.get("HPAConfigurableTolerance") else Tolerance(),
        up_factor=case["legacy_scale_up_limit_factor"],
        scale_to_zero=gates.get("HPAScaleToZero", False),
        has_external=any(m["type"] in ("Object", "External") for m in case["metrics"]),
    )


def _propose(case: Case, metric: Case, tolerance: Tolerance) -> tuple[int, int]:
    kind, levels, current = metric["type"], case["levels_milli"], case["spec_replicas"]
    total_kind, aim = _aim(metric)
    if kind in case["failing_metric_types"] or kind not in _FAILURES or not levels or aim is None:
        return metrics.ERROR, 0
    if kind in ("Object", "External"):
        total = metrics.summed(levels if kind == "External" else levels[:1])
        if total_kind == "target_average_value_milli":
            return metrics.average(total, aim, case["status_replicas"], tolerance)
        ready = pods.running_and_ready(_pods(case, None))
        return metrics.value(total, aim, len(case["pods"]), ready, current, tolerance)
    container = metric.get("container") or ""
    # A level is what a pod uses, half of it in each of two containers, where it is a resource.
    halves = {"Resource": 2, "ContainerResource": 1}.get(kind, 0)
    used = [level // 2 * halves if halves else level for level in levels]
    samples = {f"test-pod-{i}": pods.PodSample(amount, 0.0, 60.0) for i, amount in enumerate(used)}
    is_cpu = halves > 0 and metric.get("resource") == "cpu"
    is_percent = total_kind == "target_utilization_percent"
    percent = aim if is_percent else None
    totals = pods.pod_totals(_pods(case, container), samples, percent, is_cpu, _readiness(case))
    asked = metrics.UTILIZATION if is_percent else metrics.AVERAGE
    return metrics.per_pod(totals, asked, aim, current, tolerance)


def _aim(metric: Case) -> tuple[str, int | None]:
    """Return what a metric's target is, and how much; None for one without a target, which is an error."""
    names = ("target_utilization_percent", "target_average_value_milli", "target_value_milli")
    return next(((name, metric[name]) for name in names if metric.get(name) is not None), ("", None))


def _conditions(spec: Hpa, state: reconcile.HpaState) -> dict[str, str]:
    found = {
        name: reasons.status(reason)
        for name, reason in zip(reasons.CONDITIONS, state.reasons, strict=True)
        if reason != reasons.NONE
    }
    if not spec.scale_to_zero:
        found.pop("ScaledToZero", None)
    return found


def trajectories(case: Case) -> Compared:
    """Replay a closed loop; its world is described in the file."""
    behavior = case["behavior_effective"]
    sides = behavior or {}
    spec = _spec(case["min"], case["max"], sides.get("scaleUp") or {}, sides.get("scaleDown") or {})
    spec = spec._replace(
        has_behavior=behavior is not None,
        tolerance=_tolerance(case, sides),
        window_s=case.get("downscale_stabilization_s", spec.window_s),
        up_factor=case.get("legacy_scale_up_limit_factor", spec.up_factor),
    )
    state = reconcile.state(spec, case["sync_period_s"])
    starts = [-3600.0] * case["initial_replicas"]
    for step in case["steps"]:
        now = float(step["t"])
        yield f"t={now:g} replicas before", step["replicas_before"], len(starts)
        proposal, shown = _observed(case, spec, starts, step["demand"], now)
        failures = ints([reasons.FAILED_GET_RESOURCE])
        wanted = reconcile.reconcile(spec, state, len(starts), ints([proposal]), failures, now)
        yield f"t={now:g} replicas", step["replicas_after"], wanted
        for condition, index in (("scaling_limited", 2), ("able_to_scale", 0)):
            if step.get(condition):
                found = reasons.status(state.reasons[index])
                yield f"t={now:g} {condition}", step[condition], found
        if step.get("cpu_utilization_percent") is not None:
            yield f"t={now:g} utilization", step["cpu_utilization_percent"], shown
        starts = starts[:wanted] + [now] * (wanted - len(starts))


def _tolerance(case: Case, sides: Case) -> Tolerance:
    if case.get("tolerance"):
        return Tolerance(case["tolerance"]["up"], case["tolerance"]["down"])
    up, down = ((sides.get(side) or {}).get("tolerance") for side in ("scaleUp", "scaleDown"))
    return Tolerance(_share(up), _share(down))


def _share(tolerance: float | str | None) -> float:
    """Return a tolerance, which the API writes as a quantity (``50m``, ``0.05``); 0.1 without one."""
    if isinstance(tolerance, str) and tolerance.endswith("m"):
        return float(tolerance[:-1]) / 1000
    return 0.1 if tolerance is None else float(tolerance)


def _observed(case: Case, spec: Hpa, starts: Sequence[float], demand: int, now: float) -> tuple[int, int]:
    if case["metric"] != "cpu_utilization":
        ready = sum(now >= start + case["pod_startup_s"] for start in starts)
        if case["metric"] == "external_average":
            return metrics.average(demand, case["target"], len(starts), spec.tolerance)
        return metrics.value(demand, case["target"], len(starts), ready, len(starts), spec.tolerance)
    startup = case["pod_startup_s"]
    ready = sum(now >= start + startup for start in starts)
    selected, samples = [], {}
    for number, start in enumerate(starts):
        is_ready = now >= start + startup
        changed = start + startup if is_ready else start
        name = str(number)
        selected.append(
            pods.Pod(name, case["request_milli"], "Running", False, str(is_ready), now - start, now - changed)
        )
        samples[name] = pods.PodSample(demand // ready if is_ready else 0, 0.0, 30.0)
    totals = pods.pod_totals(selected, samples, case["target"], True, _readiness(case))
    return metrics.per_pod(totals, metrics.UTILIZATION, case["target"], len(starts), spec.tolerance)


def _spec(low: int, high: int, up: Case | None = None, down: Case | None = None) -> Hpa:
    return hpa(low, high, _rules(up or {}), _rules(down or {}, is_down=True))


def _rules(given: Case, is_down: bool = False) -> rules.Rules:
    policies = given.get("policies")
    kinds = {"Pods": rules.PODS, "Percent": rules.PERCENT}
    # An empty list cannot be given to the API: it means that none was, so its defaults hold.
    columns = [
        rules.ScalingPolicy(kinds[policy["type"]], policy["value"], policy["period_s"])
        for policy in policies or []
    ] or None
    chosen = {"Max": rules.MAX, "Min": rules.MIN, "Disabled": rules.DISABLED}
    select = chosen[given.get("select_policy") or "Max"]
    make = rules.down_rules if is_down else rules.up_rules
    return make(columns, select, given.get("stabilization_window_s"))


def _log(entries: Sequence[Case]) -> recommendations.Log:
    log = recommendations.log(len(entries) + 2)
    for slot, entry in enumerate(entries):
        recommendations.record(log, slot, entry["replicas"], NOW - entry["age_s"])
    return log


def _events(entries: Sequence[Case]) -> event_log.Events:
    log = event_log.events(len(entries) + 1)
    for slot, entry in enumerate(entries):
        log.changes[slot] = entry["change"]
        log.times_s[slot] = NOW - entry["age_s"]
        log.outdated[slot] = int(entry.get("outdated", False))
        log.size[0] += 1
    return log


SECTIONS: dict[str, Callable[[Case], Compared]] = {
    "replica_calculator": replica_calculator,
    "group_pods": group_pods,
    "behavior_rate": behavior_rate,
    "stabilize_behavior": stabilize_behavior,
    "stabilize_legacy": stabilize_legacy,
    "legacy_limit": legacy_limit,
    "store_events": store_events,
    "limit_functions": limit_functions,
    "controller": controller,
    "trajectories": trajectories,
}


def main(arguments: list[str]) -> int:
    """Run every file that is named."""
    if not arguments:
        print("usage: python -m tests.conformance.hpa FILE.json ...", file=sys.stderr)
        return 2
    passed = failed = 0
    for argument in arguments:
        found, missed, wrong = run(Path(argument))
        passed, failed = passed + found, failed + missed
        print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
