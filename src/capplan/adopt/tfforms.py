"""The forms in which people have what Terraform or OpenTofu says, each turned into the document of a plan.

A plan as `terraform show -json PLANFILE` prints it; a state as `terraform show -json` prints it; a raw state
file of version 4. Plans say what is planned in `planned_values`, and states what is there in `values`; both
hold the same tree of modules (developer.hashicorp.com/terraform/internals/json-format).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from capplan.adopt.tfplan import check_plan, list_of, mapping_of
from capplan.errors import InputError, Problem

_SHOW_PLAN = "Run: terraform plan -out=tfplan && terraform show -json tfplan > tfplan.json"
_SHOW_STATE = "Run: terraform show -json > state.json"


class _OtherForm(NamedTuple):
    """What Terraform writes for itself or for people: how its first bytes tell it, and what to run."""

    mark: re.Pattern[str]
    what: str
    remedy: str


_OTHER_FORMS = (
    # A zip archive whose first entry is the plan; its 26 bytes before the name may look like fewer characters
    _OtherForm(re.compile(r"PK\x03\x04.{7,60}tfplan", re.DOTALL), "is a binary plan file", _SHOW_PLAN),
    _OtherForm(
        re.compile(r'"@module":\s*"(terraform|tofu)\.ui"'),
        "is the log of `plan -json`, which names resources without their attributes",
        _SHOW_PLAN,
    ),
    _OtherForm(
        re.compile(r"^(\x1b\[\S*?m)*(Terraform|OpenTofu) (used the selected|will perform)", re.MULTILINE),
        "is a plan as text, which is written for people",
        _SHOW_PLAN,
    ),
    _OtherForm(
        re.compile(r'"encrypted_data":'),
        "is an encrypted state or plan",
        "Run: tofu show -json > state.json",
    ),
)
_MARKS = re.compile(r'"(planned_values|terraform_version|format_version|root_module)"\s*:')
_BEFORE = re.compile(r'\A(?:[^{\n]*\n){0,50}[^{\n]*(?=\{\s*")')
"""What a wrapper prints before the document, such as `[command]terraform show -json tfplan`."""


def is_terraform(head: str) -> bool:
    """Say whether text that begins like this comes from Terraform, whether or not it can be read."""
    marked = _MARKS.search(head) is not None and _BEFORE.match(head) is not None
    return marked or any(form.mark.search(head) for form in _OTHER_FORMS)


def refuse_other_forms(head: str, name: str) -> None:
    """Raise :class:`InputError` where text begins like something that only Terraform can read."""
    for form in _OTHER_FORMS:
        if form.mark.search(head):
            raise InputError(Problem(name, form.what, form.remedy))


def without_wrapper(text: str) -> str:
    r"""Return the document without the lines that a wrapper prints around it, in CI for instance.

    >>> without_wrapper('[command]terraform show -json p\n{"format_version": "1.2"}\n::debug::exit 0\n')
    '{"format_version": "1.2"}'
    """
    before = _BEFORE.match(text)
    if before is None or not _MARKS.search(text):
        return text
    # Commands of workflows begin lines with `::`; some repeat the document.
    document = re.split(r"^::", text[before.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    return document[: document.rfind("}") + 1] or text


def plan_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return a document of Terraform as a plan; None for any other document."""
    if "planned_values" in document:
        check_plan(document, name)
        return document
    if "kind" in document or "services" in document:
        return None
    if isinstance(document.get("lineage"), str) and isinstance(document.get("version"), int):
        return _of_state_file(document, name)
    if isinstance(document.get("format_version"), str):
        # Without a state, `terraform show -json` prints nothing but the version of its format.
        plan = {**document, "planned_values": document.get("values", {"root_module": {}})}
        check_plan(plan, name)
        return plan
    return None


def _of_state_file(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what `terraform show -json` prints of a state file."""
    if state["version"] != 4:
        what = f"is a state file of version {state['version']}, and only version 4 can be read"
        raise InputError(Problem(name, what, _SHOW_STATE))
    modules: dict[str, list[Mapping[str, Any]]] = {}
    for resource in map(mapping_of, list_of(state.get("resources"))):
        module = str(resource.get("module") or "")
        modules.setdefault(module, []).extend(_instances(resource, f"{module}." if module else ""))
    root = {
        "resources": modules.pop("", []),
        "child_modules": [{"address": address, "resources": found} for address, found in modules.items()],
    }
    return {"terraform_version": state.get("terraform_version"), "planned_values": {"root_module": root}}


def _instances(resource: Mapping[str, Any], prefix: str) -> Iterator[Mapping[str, Any]]:
    kind, name = resource.get("type"), resource.get("name")
    data = "data." if resource.get("mode") == "data" else ""
    provider = re.search(r'provider\["([^"]*)"\]', str(resource.get("provider")))
    for instance in map(mapping_of, list_of(resource.get("instances"))):
        index = instance.get("index_key")
        deposed = f" (deposed {instance['deposed']})" if instance.get("deposed") else ""
        yield {
            "address": f"{prefix}{data}{kind}.{name}{indexed(index)}{deposed}",
            "mode": resource.get("mode"),
            "type": kind,
            "name": name,
            **({} if index is None else {"index": index}),
            "provider_name": provider[1] if provider else "",
            "values": mapping_of(instance.get("attributes")),
            "depends_on": list_of(instance.get("dependencies")),
        }


Key = int | str | None
"""What tells instances of a resource or a module apart."""


def indexed(index: Key) -> str:
    """Return an index as addresses write it.

    >>> indexed(0), indexed("web"), indexed(None)
    ('[0]', '["web"]', '')
    """
    if index is None:
        return ""
    return f'["{index}"]' if isinstance(index, str) else f"[{index}]"
