"""Small catalogs written into a temporary directory."""

from pathlib import Path
from typing import Any

import yaml

from capplan.catalog.catalog import Catalog
from capplan.paths import data_dir

SOURCES = {
    "list": {"as_of": "2026-07-01", "text": "a price list"},
    "old": {"as_of": "unknown", "text": "hearsay"},
}


def service_file(**changes: Any) -> dict[str, Any]:
    """Return the content of a catalog file, with ``changes``; None removes a field."""
    content = {
        "schema": 1,
        "provider": "gcp",
        "service": "compute-engine",
        "kind": "machine",
        "unit": "hour",
        "sources": SOURCES,
        "source": "list",
        "skus": {"n1-standard-1": {"vcpu": 1, "memory_gib": 4, "usd": {"us-central1": 0.05}}},
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}


def write_service(root: Path, content: dict[str, Any]) -> Path:
    """Write a catalog file where the catalog under ``root`` looks for it."""
    path = root / content.get("provider", "gcp") / f"{content.get('service', 'compute-engine')}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# A test catalog.\n" + yaml.safe_dump(content, sort_keys=False))
    return path


def catalog_of(root: Path, *contents: dict[str, Any]) -> Catalog:
    """Return a catalog of these files, with the hardware facts that ship."""
    for content in contents:
        write_service(root, content)
    if not (root / "hardware").exists():
        (root / "hardware").symlink_to(data_dir("catalogs") / "hardware")
    return Catalog(root)


def write_book(path: Path, **fields: Any) -> Path:
    """Write a price book."""
    source = {"as_of": "2026-08-01", "text": "a contract"}
    path.write_text(yaml.safe_dump({"schema": 1, "name": path.stem, "source": source, **fields}))
    return path
