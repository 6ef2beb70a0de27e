"""A draft as the text of a plan, with a comment wherever a reader would ask why."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.adopt.draft import Draft
from capplan.findings import Finding, Severity
from capplan.plan.services import CLUSTER_PLATFORMS

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9]+(\.[0-9]+)?(m|Mi|Gi|s|ms|%)")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_ON_ITS_OWN = ("services", "databases", "caches", "resources")
_COMMENT_AT = 44

KINDS: Mapping[Severity, str] = {"info": "assumed", "warning": "not covered"}
"""What notes are about, by their severity."""


def plan_text(draft: Draft, source: str) -> str:
    """Return the plan; it can be read again, and says what it assumes and leaves out."""
    lines = [
        f"# Adopted from {_one_line(source)}: what its objects run, and what they cost.",
        f"name: {draft.name}",
    ]
    if draft.regions:
        lines.append(f"regions: {_flow(draft.regions)}")
    lines += ["", *_demand(draft)]
    for section in _ON_ITS_OWN[:3]:
        lines += _section(section, draft)
    lines += _section("clusters", draft)
    lines += _clusters(draft)
    lines += _section("resources", draft)
    if not draft.origins and not draft.pools:
        lines += ["", "resources: {}"]
    if draft.namespace is not None:
        lines += ["", f"manifests: {_flow({'namespace': draft.namespace})}"]
    lines += _adopted(draft, source)
    return "\n".join(lines) + "\n"


def _demand(draft: Draft) -> Iterator[str]:
    yield "demand:"
    yield "  # No manifest says how much is asked of it. Until you do, the expected cost is that of every"
    yield "  # autoscaler at its floor."
    yield "  requests_per_second: 0"
    callable_ = [name for kind in ("services", "databases", "caches") for name in draft.sections[kind]]
    if draft.sections["services"] or len(callable_) > 1:
        yield f"  entry: {{{draft.entry or callable_[0]}: 1}}"


def _section(name: str, draft: Draft) -> Iterator[str]:
    entries = draft.sections[name]
    if entries:
        yield ""
        yield f"{name}:"
    for entry, tree in entries.items():
        yield _commented(f"  {entry}:", draft.origins[entry])
        yield from _fields(_without_only_pool(tree, draft), "    ")


def _without_only_pool(tree: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """Return an entry without its pool where there is only one to choose from."""
    return {key: value for key, value in tree.items() if key != "pool" or len(draft.pools) > 1}


def _clusters(draft: Draft) -> Iterator[str]:
    if not draft.pools:
        return
    if not draft.sections["clusters"]:
        yield ""
        yield "clusters:"
    yield "  cluster:"
    yield f"    platform: {CLUSTER_PLATFORMS[draft.provider()]}"
    yield _commented("    pools:", "as many nodes as the pods need; set nodes.max to the limit of your pools")
    for name, pool in draft.pools.items():
        yield f"      {name}: {_flow(pool)}"


def _fields(tree: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in tree.items():
        yield f"{indent}{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and (value.lower() in _WORDS or not _PLAIN.fullmatch(value)):
        return '"' + "".join(map(_quoted, value)) + '"'
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _quoted(sign: str) -> str:
    """Return a character as YAML's double quotes hold it, which know no surrogates."""
    if sign.isprintable() and sign not in '"\\':
        return sign
    return json.dumps(sign)[1:-1] if sign <= "\uffff" and not "\ud800" <= sign <= "\udfff" else "\ufffd"


def _adopted(draft: Draft, source: str) -> Iterator[str]:
    """Yield what the plan covers of its source, as data that estimates, checks and diffs read."""
    known = {*draft.origins, "cluster", *(f"cluster/{pool}" for pool in draft.pools)}
    known |= {f"{name}/{pool}" for name, tree in draft.sections["clusters"].items() for pool in tree["pools"]}
    held = draft.resources
    behind = {n: address for n, address in draft.addresses.items() if n in known and address in held}
    free = Counter(draft.resources[address].kind for address in sorted(draft.free))
    yield ""
    yield "adopted:"
    yield f"  from: {_flow(source)}"
    yield f"  resources: {len(draft.resources)}"
    if free:
        yield f"  free: {_flow(free)}"
    if behind:
        yield "  components:"
        yield from (f"    {name}: {_flow(address)}" for name, address in behind.items())
    if draft.moved:
        yield "  moved:"
        yield from (f"    {_flow(address)}: {_flow(before)}" for address, before in draft.moved.items())
    for severity, section in (("warning", "not_covered"), ("info", "assumed")):
        notes = [note for note in draft.notes if note.severity == severity]
        if notes:
            yield f"  {section}:"
        for note in notes:
            yield f"    - {_flow(_remark(draft, note, source))}"


def _remark(draft: Draft, note: Finding, source: str) -> dict[str, str]:
    held = draft.resources.get(note.subject)
    said = {"resource": note.subject, "type": "" if held is None else held.kind, "reason": note.message}
    if held is not None:
        said["file"] = held.file if held.file != source else ""
        if note.severity == "warning":
            said["fingerprint"] = _fingerprint(held.tree)
    return {key: value for key, value in said.items() if value}


def _fingerprint(tree: object) -> str:
    """Return what changes when a resource does, so that a diff sees a change that has no price."""
    text = json.dumps(tree, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def note_lines(notes: Sequence[Finding]) -> list[str]:
    """Return the notes as they are told on the terminal; what is said of many resources is said once."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for note in notes:
        alike.setdefault((note.severity, note.message), []).append(note)
    return [_together(found) for found in alike.values()]


def _together(alike: Sequence[Finding]) -> str:
    first, others = alike[0], len(alike) - 1
    if not others:
        return note_line(first)
    return note_line(first._replace(subject=f"{first.subject} and {others} more"))


def note_line(note: Finding) -> str:
    """Return a note as it is told on the terminal."""
    where = f"{note.file}: {note.subject}" if note.file else note.subject
    return f"{KINDS[note.severity]}: {where}: {note.message}"


def _commented(line: str, comment: str) -> str:
    return f"{line:<{_COMMENT_AT - 1}} # {_one_line(comment)}"


def _one_line(text: str) -> str:
    """Return text that cannot end a comment, whatever a file is called."""
    return "".join(character if character.isprintable() else " " for character in text)
