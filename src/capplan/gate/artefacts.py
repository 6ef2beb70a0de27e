"""Whether what the plan pays for is rendered, and what is rendered is paid for."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.errors import InputError
from capplan.findings import Finding
from capplan.gate.files import PlannedFiles
from capplan.gate.judged import SEVERITIES, judged
from capplan.plan.gates import CoverageGate
from capplan.report.blocks import Result


def artefact_findings(gate: CoverageGate, files: PlannedFiles) -> Iterator[Result]:
    """Yield what stands on one side only, unless the plan accepts it."""
    severity = SEVERITIES.get(gate.artefacts)
    if severity is None:
        return
    paths = {component.name: component.path for component in files.estimate.components}
    for finding in _one_sided(files):
        path = paths.get(finding.subject, ())
        yield judged(finding._replace(severity=severity), "coverage/artefacts", "coverage", path)


def _one_sided(files: PlannedFiles) -> Iterator[Finding]:
    from capplan.manifests.reconcile import reconcile, reconciled_findings
    from capplan.manifests.verify.checks.costs import BILLED_NOT_RENDERED
    from capplan.manifests.verify.facts import facts_of

    site = files.site
    try:
        found = reconcile(site, files.rendered)
        accepted = facts_of(site).accepted
    except InputError as error:
        message = f"nothing of the plan can be rendered: {error.problems[0].where} {error.problems[0].what}"
        yield BILLED_NOT_RENDERED.finding(site.name, message, "capplan render-manifests says what it lacks.")
        return
    for finding in reconciled_findings(found):
        if finding.code not in accepted:
            yield finding._replace(file="")
