"""User-defined rules: expressions over the estimate, its components and its cost lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from capplan.decide.expressions import Expression, ExpressionError
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate
from capplan.gate import checks
from capplan.gate.judged import SEVERITIES, Path, judged
from capplan.gate.read import GateFile
from capplan.plan.bind import at
from capplan.plan.gates import Policy
from capplan.report.blocks import Result

Document = Mapping[str, Any]


def policy_findings(gate_file: GateFile, estimate: Estimate, document: Document) -> Iterator[Result]:
    """Yield every place where a policy's expression is true."""
    for index, policy in enumerate(gate_file.gates.policies):
        severity = SEVERITIES.get(policy.severity)
        when = partial(gate_file.problem, ("policies", index, "when"))
        expression = _read(policy, when)
        for component, names, path in _subjects(policy, estimate, document):
            if severity is not None and _broken(expression, names, when):
                finding = checks.POLICY_BROKEN.finding(
                    component, policy.message, policy.remedy, severity=severity
                )
                yield judged(finding, f"policy/{policy.name}", policy.fails, path)


def _read(policy: Policy, when: Callable[..., Problem]) -> Expression:
    try:
        return Expression(policy.when)
    except ExpressionError as error:
        raise InputError(when(error.what, error.remedy)) from None


def _broken(expression: Expression, names: Document, when: Callable[..., Problem]) -> bool:
    try:
        return expression.holds(names)
    except ExpressionError as error:
        raise InputError(when(error.what, error.remedy)) from None


def _subjects(policy: Policy, estimate: Estimate, document: Document) -> Iterator[tuple[str, Document, Path]]:
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
