"""User-defined rules: expressions over the estimate, its components and its cost lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from capplan.components.checks import UNPRICED
from capplan.decide.bounds import with_bounds
from capplan.decide.expressions import Expression, ExpressionError, MissingPricesError
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate
from capplan.gate import checks
from capplan.gate.cost import TO_PRICE, weaker
from capplan.gate.judged import SEVERITIES, Path, judged
from capplan.gate.read import GateFile
from capplan.plan.bind import at
from capplan.plan.gates import Gates, Policy
from capplan.report.blocks import Result

Document = Mapping[str, Any]


def policy_findings(gate_file: GateFile, estimate: Estimate, document: Document) -> Iterator[Result]:
    """Yield every place where a policy's expression is true."""
    for index, policy in enumerate(gate_file.gates.policies):
        severity = SEVERITIES.get(policy.severity)
        when = partial(gate_file.problem, ("policies", index, "when"))
        expression = _read(policy, when)
        for component, names, path in _subjects(policy, estimate, document):
            broken = severity is not None and _broken(expression, names, when)
            if broken is None:
                yield from _unknown(gate_file.gates, policy, component, path)
            elif broken:
                finding = checks.POLICY_BROKEN.finding(
                    component, policy.message, policy.remedy, severity=severity
                )
                yield judged(finding, f"policy/{policy.name}", policy.fails, path)


def _unknown(gates: Gates, policy: Policy, component: str, path: Path) -> Iterator[Result]:
    """Yield that a policy cannot be judged, as far as a missing price matters to the gates."""
    severity = SEVERITIES.get(weaker(policy.severity, gates.coverage.unpriced))
    if severity is not None:
        what = f"whether the policy {policy.name} is broken is unknown, because prices are missing"
        finding = UNPRICED.finding(component, what, TO_PRICE, severity=severity)
        yield judged(finding, f"policy/{policy.name}", "coverage", path)


def _read(policy: Policy, when: Callable[..., Problem]) -> Expression:
    try:
        return Expression(policy.when)
    except ExpressionError as error:
        raise InputError(when(error.what, error.remedy)) from None


def _broken(expression: Expression, names: Document, when: Callable[..., Problem]) -> bool | None:
    """Say whether a policy's expression is true; None where a missing price leaves that open."""
    try:
        return expression.holds(names)
    except MissingPricesError:
        return None
    except ExpressionError as error:
        if "monthly_cost" in expression.text and _judges_unpriced(names):
            return None
        raise InputError(when(error.what, error.remedy)) from None


def _judges_unpriced(names: Document) -> bool:
    """Say whether what is judged has no price at all."""
    return any(kind in names and names[kind]["monthly_cost"] is None for kind in ("component", "line"))


def _subjects(policy: Policy, estimate: Estimate, document: Document) -> Iterator[tuple[str, Document, Path]]:
    document = with_bounds(document)
    if policy.over == "estimate":
        yield "", document, ()
        return
    paths = {component.name: component.path for component in estimate.components}
    if policy.over == "line":
        for line in document["cost_lines"]:
            yield line["component"], {**document, "line": line}, paths.get(line["component"], ())
        return
    fields = _every_field(estimate)
    for component in estimate.components:
        said = _section(estimate, component.path)
        own = {
            **dict.fromkeys(fields),
            **said,
            **document["components"][component.name],
            "name": component.name,
        }
        yield component.name, {**document, "component": own}, component.path


def _section(estimate: Estimate, path: tuple[str, ...]) -> dict[str, Any]:
    """Return what the plan says of a component, defaults included."""
    section: Any = at(estimate.plan, path)
    found: dict[str, Any] = section.model_dump(mode="python")
    return found


def _every_field(estimate: Estimate) -> list[str]:
    """Return the fields that some component of the plan has; those of others are null for the rest."""
    return sorted({name for component in estimate.components for name in _section(estimate, component.path)})
