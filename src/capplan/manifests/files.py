"""Files on disk: what is there, what would be, and nothing touched that capplan did not write.

The lock file says what hash each file had when capplan wrote it; with another it was edited by hand.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any, NamedTuple

from capplan import __version__
from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Rendered
from capplan.manifests.reconcile import reconcile
from capplan.manifests.render import body_of, digest
from capplan.manifests.site import Site
from capplan.manifests.verify.facts import facts_of
from capplan.strictjson import read_json

LOCK = "capplan.lock.json"


class FileDrift(NamedTuple):
    """How a directory differs from what would be rendered. Texts by path, None where there is no file.

    edited: files that were changed by hand since capplan wrote them. orphans: files that capplan wrote, that
    nobody changed, and that are no longer rendered.
    """

    changed: Mapping[str, tuple[str | None, str]]
    edited: Sequence[str]
    orphans: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.orphans)

    def diff(self) -> Iterator[str]:
        """Yield a unified diff from what is there to what would be."""
        for path, (old, new) in self.changed.items():
            yield from _unified(path, old, new)
        for path, old in self.orphans.items():
            yield from _unified(path, old, None)


def _unified(path: str, old: str | None, new: str | None) -> Iterator[str]:
    before, after = (text.splitlines(keepends=True) if text else [] for text in (old, new))
    names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
    yield from unified_diff(before, after, *names)


def drift(directory: Path, files: Sequence[Rendered], partial: bool = False) -> FileDrift:
    """Return how ``directory`` differs from ``files``; if those are ``partial``, no other is an orphan."""
    hashes = _locked(directory)
    changed: dict[str, tuple[str | None, str]] = {}
    edited = []
    for item in files:
        old = _read(directory, item.path)
        if old is not None and body_of(old) == body_of(item.text):
            continue
        changed[item.path] = (old, item.text)
        if old is not None and hashes.get(item.path) != digest(old):
            edited.append(item.path)
    rendered = {item.path for item in files}
    gone = [] if partial else sorted(set(hashes) - rendered)
    texts = {path: _read(directory, path) for path in gone}
    orphans = {
        path: text for path, text in texts.items() if text is not None and digest(text) == hashes[path]
    }
    return FileDrift(changed, edited, orphans)


def lock_of(
    site: Site,
    files: Sequence[Rendered],
    directory: Path,
    partial: bool = False,
    orphans: Container[str] = (),
) -> str:
    """Return the lock file: versions, catalogs, facts for the checks, what each file costs, and its hash.

    orphans: files that stay there though they are no longer rendered, until somebody prunes them.
    """
    hashes = {path: value for path, value in _locked(directory).items() if partial or path in orphans}
    hashes |= {item.path: digest(item.text) for item in files}
    catalogs = [{"name": c.label, "as_of": c.as_of, "sha256": c.sha256} for c in site.estimate.catalogs]
    lock = {
        "schema_version": 1,
        "capplan": __version__,
        "plan": site.name,
        "alternative": site.estimate.file.places.alternative,
        "kubernetes": "1.30",
        "crds": _CRDS,
        "catalogs": catalogs,
        "facts": facts_of(site)._asdict(),
        "costs": read_lock(directory).get("costs", {}) if partial else reconcile(site, files).document(),
        "files": dict(sorted(hashes.items())),
    }
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"


_CRDS = {
    "keda.sh/v1alpha1": ">= 2.18",
    "autoscaling.k8s.io/v1": ">= 1.0",
    "monitoring.coreos.com/v1": ">= 0.60",
    "redis.redis.opstreelabs.in/v1beta2": ">= 0.15",
    "karpenter.sh/v1": ">= 1.0",
    "karpenter.k8s.aws/v1": ">= 1.0",
    "gateway.networking.k8s.io/v1": ">= 1.2",
    "gateway.envoyproxy.io/v1alpha1": ">= 1.1",
    "external-secrets.io/v1": ">= 0.17",
    "monitoring.googleapis.com/v1": ">= 0.8",
}
"""Kubernetes and operators that know every field in use."""


def read_lock(directory: Path) -> dict[str, Any]:
    """Return the lock file of ``directory``; empty where there is none."""
    path = directory / LOCK
    if path.is_symlink():
        raise InputError(_link(path))
    if not path.is_file():
        return {}
    lock = read_json(path, "It is not a lock file of capplan.")
    return lock if isinstance(lock, dict) else {}


def _locked(directory: Path) -> dict[str, str]:
    hashes = read_lock(directory).get("files")
    if not isinstance(hashes, dict):
        return {}
    return {str(path): str(value) for path, value in hashes.items() if _is_inside(str(path))}


def _is_inside(path: str) -> bool:
    """Say whether a path of a lock file, which anybody may have edited, stays in its directory."""
    parts = Path(path).parts
    return bool(parts) and not Path(path).is_absolute() and ".." not in parts


def _read(directory: Path, path: str) -> str | None:
    place = safe(directory, path)
    try:
        return place.read_text(encoding="utf-8") if place.is_file() else None
    except (OSError, UnicodeDecodeError):
        return ""


def safe(directory: Path, path: str) -> Path:
    """Return where a file goes; refuse a path that leaves the directory, or that a symlink leads astray."""
    if not _is_inside(path):
        raise InputError(Problem(path, "leaves the output directory"))
    places = [directory]
    for part in Path(path).parts:
        places.append(places[-1] / part)
    for place in places:
        if place.is_symlink():
            raise InputError(_link(place))
    return places[-1]


def _link(place: Path) -> Problem:
    return Problem(str(place), "is a symbolic link, which capplan does not follow", "Remove it.")


def remove(directory: Path, paths: Sequence[str]) -> None:
    """Delete files, and the directories that this empties."""
    for path in paths:
        place = safe(directory, path)
        place.unlink(missing_ok=True)
        for parent in place.parents:
            if parent == directory or any(parent.iterdir()):
                break
            parent.rmdir()
