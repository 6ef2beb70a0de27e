"""The files of a module: its `.tf` files as one body, and the values that tfvars files give its variables."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

from capplan.adopt.hcl.syntax import Body, Expression, HclBlock, parse
from capplan.adopt.tfplan import list_of, mapping_of
from capplan.errors import InputError, Problem
from capplan.paths import is_own_file
from capplan.strictjson import read_json
from capplan.strictyaml import read_text

_MOST_FILES = 1_000
_MOST_BYTES = 4 * 2**20
"""Of all files together; reading takes some ten seconds a MiB."""

TOO_MUCH = "Adopt the output of: terraform show -json PLAN"


class Files:
    """The Terraform files of a directory and of its local modules; each is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.skipped: list[tuple[str, str]] = []
        self._modules: dict[Path, list[HclBlock]] = {}
        self._count = self._bytes = 0

    def module(self, directory: Path) -> list[HclBlock]:
        """Return all blocks of a directory; no file is read through a symbolic link."""
        if directory not in self._modules:
            self._modules[directory] = []
            for path in self._files(directory, ".tf", ".tf.json"):
                if path.name.endswith((".json", "override.tf")):
                    what = "overrides and Terraform in JSON are not read"
                    self.skipped.append((self._name(path), what))
                else:
                    self._modules[directory] += self._parsed(path).blocks
        return self._modules[directory]

    def called(self, directory: Path, source: object, path: str) -> Path | None:
        """Return the directory of a called module: a local one, or what `terraform init` put here.

        path: the names of the calls that lead to it, such as `eks.kms`. None for a module from elsewhere, or
        behind a symbolic link.
        """
        if not isinstance(source, str):
            return None
        local = source.startswith(("./", "../"))
        if not local and path not in self._installed:
            return None
        found = Path(os.path.normpath(directory / source if local else self.root / self._installed[path]))
        inside = local or self.root in found.parents
        return found if inside and found.is_dir() and found.resolve() == found else None

    @cached_property
    def _installed(self) -> dict[str, str]:
        """Return the directories of installed modules, which `terraform init` lists by their paths."""
        listing = self.root / ".terraform" / "modules" / "modules.json"
        if not is_own_file(listing):
            return {}
        entries = map(mapping_of, list_of(mapping_of(read_json(listing)).get("Modules")))
        return {str(entry.get("Key")): str(entry.get("Dir")) for entry in entries}

    @cached_property
    def workspace(self) -> str | None:
        """Return the workspace that `terraform workspace select` chose here; None where nobody did."""
        chosen = self.root / ".terraform" / "environment"
        return read_text(chosen).strip() if is_own_file(chosen) else None

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self.root)

    def given(self) -> dict[str, Expression | Any]:
        """Return what tfvars files say of the root's variables, in Terraform's order; the last one counts."""
        first = [self.root / "terraform.tfvars", self.root / "terraform.tfvars.json"]
        automatic = self._files(self.root, ".auto.tfvars", ".auto.tfvars.json")
        found: dict[str, Expression | Any] = {}
        for path in (*filter(is_own_file, first), *automatic):
            if path.suffix == ".json":
                values = read_json(path)
                found.update(values if isinstance(values, dict) else {})
            else:
                found.update(self._parsed(path).attributes)
        return found

    def _files(self, directory: Path, *ends: str) -> list[Path]:
        paths = sorted(directory.iterdir())
        return [path for path in paths if path.name.endswith(ends) and is_own_file(path)]

    def _parsed(self, path: Path) -> Body:
        self._count, self._bytes = self._count + 1, self._bytes + path.stat().st_size
        if self._count > _MOST_FILES or self._bytes > _MOST_BYTES:
            what = f"more than {_MOST_FILES:,} files, or {_MOST_BYTES // 2**20} MiB, of Terraform"
            raise InputError(Problem(str(self.root), what, TOO_MUCH))
        return parse(path, self._name(path))


def first(blocks: list[HclBlock], *labels: str) -> HclBlock | None:
    """Return the first block with these labels."""
    return next((block for block in blocks if tuple(block.labels) == labels), None)
