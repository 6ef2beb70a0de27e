"""Every check is declared once, and its examples are true: one breaks it, the other comes near."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from crafted import service_file, write_service
from helpers import SHIPPED
from sound import completed, files_of, plan_with

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import adopt
from capplan.calibrate.learn import learned
from capplan.calibrate.reading import read_evidence
from capplan.catalog.catalog import Catalog
from capplan.catalog.lint import lint, lint_facts
from capplan.catalog.load import read_service
from capplan.decide.committing import CommitmentTerms, committing
from capplan.estimate import estimate
from capplan.findings import DECLARED, SEVERITIES, checks_of, register
from capplan.gate.actual import compare
from capplan.gate.check import Against
from capplan.gate.check import check as judge
from capplan.gate.read import gates_of
from capplan.manifests.proof.prove import prove, rendered
from capplan.manifests.site import Site
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.reading import read_contents
from capplan.manifests.verify.run import VerifyOptions, verify
from capplan.plan.read import parse_plan
from capplan.report.json_format import estimate_document

POOL = {
    "selector": {"pool": "default"},
    "cpu": 4,
    "memory_gib": 8,
    "pods": 10,
    "gpus": 0,
    "disk_gib": 50,
    "nodes": 3,
}


def written(example: str, directory: Path) -> None:
    for name, text in files_of(example).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def verified(example: str, directory: Path) -> set[str]:
    """Return what is found in manifests, beside a sound Deployment."""
    written(example, directory)
    contents = read_contents(directory)
    documents = {path: list(map(completed, values)) for path, values in contents.documents.items()}
    web = completed({"kind": "Deployment"})
    given = [one["metadata"] for one in documents.get("example.yaml", ()) if one.get("kind") == web["kind"]]
    if "example.yaml" in documents and not any(metadata["name"] == "web" for metadata in given):
        documents["web.yaml"] = [web]
    found = verify(documents, contents.texts, Facts(pools={"main/default": POOL}), VerifyOptions(style=True))
    return {finding.code for finding in [*contents.unread, *found]}


def estimated(example: str, directory: Path) -> set[str]:
    written(example, directory)
    files = files_of(example)
    text = plan_with(files.get("plan.yaml") or files["example.yaml"])
    found = estimate(parse_plan(text, "plan.yaml", directory), Catalog())
    return {finding.code for finding in found.findings}


def judged(example: str, directory: Path) -> set[str]:
    """Return what gates say of a sound plan with changes, against the plan without them."""
    written(example, directory)
    files = files_of(example)
    base, head = (
        estimate(parse_plan(plan_with(text, service=True), "plan.yaml", directory), Catalog())
        for text in ("{}", files.get("plan.yaml") or files["example.yaml"])
    )
    bill, document = directory / "bill.csv", estimate_document(head)
    actual = compare(document, bill, {}) if bill.is_file() else None
    against = Against(date(2027, 1, 1), estimate_document(base), actual)
    found = judge(head, document, gates_of(head.file, None), against)
    return {one.finding.code for one in found.found}


def proved(example: str, directory: Path) -> set[str]:
    """Return what is proved of the files of a plan, those of the example laid over what is rendered."""
    files = files_of(example)
    site = Site(estimate(parse_plan(plan_with(files.pop("plan.yaml")), "plan.yaml", directory), SHIPPED))
    documents, texts = rendered(site)
    for path, text in files.items():
        documents[path] = [laid_over(documents[path][0], yaml.safe_load(text))]
    return {finding.code for finding in prove(site, documents, texts)}


def committed(example: str, directory: Path) -> set[str]:
    written(example, directory)
    file = parse_plan(plan_with(files_of(example)["example.yaml"]), "plan.yaml", directory)
    return {
        finding.code for finding in committing([file], Catalog(), CommitmentTerms(date(2026, 11, 1))).findings
    }


def laid_over(tree: object, change: object) -> object:
    if isinstance(tree, dict) and isinstance(change, dict):
        return tree | {key: laid_over(tree.get(key), value) for key, value in change.items()}
    return change


def linted(example: str, directory: Path) -> set[str]:
    content = service_file(**yaml.safe_load(example))
    facts = lint_facts(SHIPPED, date(2026, 7, 15))
    return {finding.code for finding in lint(read_service(write_service(directory, content)), facts)}


def adopted(example: str, directory: Path) -> set[str]:
    files = files_of(example)
    source = directory / next(iter(files))
    directory.mkdir(exist_ok=True)
    if "example.yaml" in files:
        objects = map(completed, yaml.safe_load_all(files["example.yaml"]))
        files["example.yaml"] = yaml.safe_dump_all(objects)
    source.write_text(files[source.name], encoding="utf-8")
    found = adopt(source, AdoptOptions("gcp", "us-central1"))
    return {note.code for note in found.notes}


def calibrated(example: str, directory: Path) -> set[str]:
    written(example, directory)
    found = learned(read_evidence([str(directory / name) for name in files_of(example)]))
    return {finding.code for finding in [*found.warnings, *found.refused]}


RUN = {
    "estimate": estimated,
    "check": judged,
    "verify": verified,
    "recommend": committed,
    "prove": proved,
    "catalog check": linted,
    "adopt": adopted,
    "calibrate service": calibrated,
}
CHECKS = [(RUN[command], check) for command in DECLARED for check in checks_of(command)]


@pytest.mark.parametrize(
    ("run", "check"), [c for c in CHECKS if not c[1].unrun], ids=[c.code for _, c in CHECKS if not c.unrun]
)
def test_an_example_breaks_its_check_and_another_comes_near(run, check, tmp_path):
    assert check.code in run(check.breaks, tmp_path / "breaks")
    assert check.code not in run(check.near, tmp_path / "near")


EVERY = [check for _, check in CHECKS]


def test_no_two_checks_are_alike():
    assert len({check.code for check in EVERY}) == len(EVERY) == len(register())
    assert len({check.title for check in EVERY}) == len(EVERY)


@pytest.mark.parametrize("check", EVERY, ids=[check.code for check in EVERY])
def test_a_check_is_told_in_full(check):
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", check.code)
    assert check.severity in SEVERITIES
    assert check.title[0].isupper()
    assert not check.title.endswith(".")
    assert check.why.endswith(".")
    assert check.source
    assert check.breaks != check.near
    assert check.breaks.endswith("\n")
    assert check.remedy.endswith((".", ")")) or check.severity == "info"


def test_only_schemas_keep_examples_from_being_run():
    assert {check.code for check in EVERY if check.unrun} == {
        "schema",
        "no-schema",
    }


SOURCES = sorted(Path(__file__).parent.parent.glob("src/capplan/**/*.py"))


def calls_of(path: Path) -> list[str]:
    """Return what a module calls by a plain name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]


def test_findings_are_made_by_checks_and_checks_are_declared_in_one_place():
    """What makes a Finding itself, or a Check elsewhere, could say a code that nothing explains."""
    declared = {
        name.removeprefix("capplan.").replace(".", "/") for names in DECLARED.values() for name in names
    }
    makers = {"Finding": set(), "Check": set()}
    for path in SOURCES:
        module = path.relative_to(SOURCES[0].parent).with_suffix("").as_posix()
        for name in set(calls_of(path)) & makers.keys():
            makers[name].add(module)
    assert makers == {"Finding": {"findings"}, "Check": declared}
