"""Beyond Kubernetes: alerts, dashboards and load tests have the figures of one plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.errors import almost
from capplan.findings import Finding
from capplan.manifests.figures import planned_rps
from capplan.manifests.verify.checks import autoscaling, capacity
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.trees import Tree, amount, mapping, maps, text
from capplan.manifests.verify.world import Item
from capplan.quantities import plain

_ALERT = re.compile(r"(.+?)\s*(>=?|<=?)\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*", re.DOTALL)
_STAGE = re.compile(r"""["']rps["']\s*:\s*(\d+(?:\.\d+)?)""")
_ROUNDED = 1e-3


def alerts_and_lines(documents: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Yield a warning for each alert that fires while the same query's panel still shows no line crossed."""
    trees = [(path, value) for path, found in documents.items() for value in found if isinstance(value, dict)]
    lines = dict(line for _, tree in trees for line in _lines(tree))
    for path, tree in trees:
        for group in [*maps(tree, "groups"), *maps(tree, "spec.groups")]:
            for rule in maps(group, "rules"):
                match = _ALERT.fullmatch(text(rule, "expr")) if "alert" in rule else None
                if match is not None and _is_early(match[2], float(match[3]), lines.get(match[1])):
                    item = Item(path, {"kind": "Rules", "metadata": {"name": path}})
                    what = f"alert {rule['alert']} fires at {match[3]}, but the dashboard's line is elsewhere"
                    yield item.finding(capacity.ALERT_BEFORE_LINE, "groups", what)


_NAMED = re.compile(r"\bas:\s*[\"']?([^\"'\s}]+)")


def metrics_of_adapters(documents: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Yield the metrics that HPAs ask for and the rules of prometheus-adapter nearly make, or do not make."""
    trees = [(path, value) for path, found in documents.items() for value in found if isinstance(value, dict)]
    made = {name for _, tree in trees for name in _made(tree)}
    for path, tree in trees if made else ():
        item = Item(path, tree)
        for index, metric in enumerate(maps(tree, "spec.metrics") if item.kind == _HPA else ()):
            name = text(metric, "pods.metric.name") or text(metric, "object.metric.name")
            near = almost(name, made)
            if name and name not in made and (near or not any("$" in one for one in made)):
                what = f"no rule of prometheus-adapter makes the metric '{name}'"
                remedy = f"Did you mean '{near}'?" if near else None
                field = f"spec.metrics[{index}]"
                yield item.finding(
                    autoscaling.METRIC_SOURCE, field, what, remedy, "error" if near else "warning"
                )


_HPA = "HorizontalPodAutoscaler"


def _made(tree: Tree) -> Iterator[str]:
    """Yield the names that rules give to metrics, in values of the chart or in a ConfigMap."""
    for rule in maps(tree, "rules.custom"):
        yield text(rule, "name.as")
    for said in mapping(tree, "data").values() if tree.get("kind") == "ConfigMap" else ():
        if isinstance(said, str) and "metricsQuery:" in said:
            yield from _NAMED.findall(said)


def _is_early(comparison: str, level: float, lines: list[float] | None) -> bool:
    if not lines:
        return False
    return level < min(lines) if comparison.startswith(">") else level > max(lines)


def _lines(tree: Tree) -> Iterator[tuple[str, list[float]]]:
    """Yield the query of each panel that has lines, with their levels."""
    for panel in maps(tree, "panels"):
        steps = maps(mapping(panel, "fieldConfig"), "defaults.thresholds.steps")
        levels = [level for step in steps if (level := amount(step.get("value"))) is not None]
        for target in maps(panel, "targets"):
            if levels:
                yield text(target, "expr"), levels


def load_test_rate(path: str, source: str, facts: Facts) -> Iterator[Finding]:
    """Yield a finding if a load test of capplan's stops at another rate than the planned peak."""
    rates = [float(rate) for rate in _STAGE.findall(source)]
    if rates and facts.peak_rps and abs(max(rates) - planned_rps(facts.peak_rps)) > _ROUNDED:
        item = Item(path, {"kind": "LoadTest", "metadata": {"name": path}})
        what = (
            f"goes up to {plain(max(rates), 6)} requests/s, but the planned peak is {plain(facts.peak_rps)}"
        )
        yield item.finding(capacity.FIGURES_DIFFER, "stages", what, "Render it again.")
