"""A directory of Terraform files as the document of a plan: whoever reads plans reads directories too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree
from capplan.adopt.hcl.evaluate import Scope, StepBudget
from capplan.adopt.hcl.files import Files
from capplan.adopt.hcl.modules import HclWorld, Module
from capplan.adopt.hcl.syntax import HclBlock, word_of
from capplan.adopt.hcl.values import UNKNOWN, Value, is_known
from capplan.adopt.tfforms import Key, indexed
from capplan.errors import InputError, Problem


class DirectoryPlan(NamedTuple):
    """The document of a plan, and what of the directory is not in it or assumed, with the reason."""

    document: Tree
    skipped: Sequence[tuple[str, str]]


def read_terraform(directory: Path) -> DirectoryPlan:
    """Return what `terraform show -json` would print of a directory's plan, as far as no provider is asked.

    Raises :class:`InputError` for files that are no HCL, too large or too much work, and without python-hcl2.
    """
    try:
        import hcl2  # noqa: F401
    except ImportError:
        what = "holds Terraform files, and python-hcl2, which reads them, is not installed"
        remedy = "pip install 'capplan[tf]', or adopt the output of: terraform show -json PLAN"
        raise InputError(Problem(str(directory), what, remedy)) from None
    files = Files(directory)
    world = HclWorld(files, StepBudget(str(directory)), {}, [0])
    constants = Scope({}, lambda name: UNKNOWN, world.steps)
    given = {name: partial(_constant, constants, value) for name, value in files.given().items()}
    try:
        document = _Document(Module(world, files.root, "", given, {})).tree()
    except RecursionError:
        raise InputError(Problem(str(directory), "its expressions are nested too deeply")) from None
    return DirectoryPlan(document, [*files.skipped, *world.notes])


def _constant(scope: Scope, value: Any) -> Value:
    """Return a value of a tfvars file: an expression, or JSON's own."""
    return scope.tried(value) if hasattr(value, "find_data") else value


class _Document:
    """The parts of a plan's document, while modules are gone through.

    References need no place in `configuration`: they are values here, the address of what they refer to.
    """

    def __init__(self, root: Module) -> None:
        self.root = root
        self.changes: list[Tree] = []
        self.providers: Tree = {}

    def tree(self) -> Tree:
        """Return the document."""
        planned, written = self._module(self.root)
        return {
            "format_version": "1.2",
            "planned_values": {"root_module": planned},
            "resource_changes": self.changes,
            "configuration": {"provider_config": self.providers, "root_module": written},
        }

    def _module(self, module: Module) -> tuple[Tree, Tree]:
        """Return the resources of a module and of those that it calls: as planned, and as written."""
        for block in module.of("provider"):
            self._add_provider(module, block)
        planned: Tree = {"address": module.address, "resources": [], "child_modules": []}
        written: Tree = {"resources": [], "module_calls": {}}
        for block in module.of("resource"):
            kind, name = block.labels
            for key, scope in (module.instances(block) or {}).items():
                planned["resources"].append(self._resource(module, block, key, scope))
            own = {"address": f"{kind}.{name}", "expressions": _written(block, _METAS)}
            provider = block.body.attributes.get("provider")
            called = kind.partition("_")[0] if provider is None else word_of(provider)
            written["resources"].append({**own, "provider_config_key": module.provider_key(called)})
        for call in module.of("module"):
            for child in (module.children(call) or {}).values():
                inner, configuration = self._module(child)
                planned["child_modules"].append(inner)
                written["module_calls"][call.labels[0]] = {"module": configuration}
        return planned, written

    def _add_provider(self, module: Module, block: HclBlock) -> None:
        known = {name: module.scope.tried(value) for name, value in block.body.attributes.items()}
        alias = known.get("alias")
        key = module.provider_key(f"{block.labels[0]}.{alias}" if isinstance(alias, str) else block.labels[0])
        constants = {name: {"constant_value": value} for name, value in known.items() if is_known(value)}
        self.providers[key] = {"name": block.labels[0], "expressions": constants}

    def _resource(self, module: Module, block: HclBlock, key: Key, scope: Scope) -> Tree:
        kind, name = block.labels
        address = module.inside(f"{kind}.{name}{indexed(key)}")
        values, unknown = _values(module, block, scope, _METAS)
        self.changes.append({"address": address, "change": {"actions": ["create"], "after_unknown": unknown}})
        own = {"address": address, "mode": "managed", "type": kind, "name": name, "index": key}
        return {**own, "values": {"id": address, **values}}


_METAS = frozenset(("count", "for_each", "depends_on", "provider", "lifecycle", "provisioner", "connection"))
"""What Terraform itself reads in a resource; in its blocks, `count` is a value like any other."""


def _written(block: HclBlock, metas: frozenset[str] = frozenset()) -> Tree:
    """Return what a block sets, by name, with the blocks inside."""
    found: Tree = {name: {} for name in block.body.attributes if name not in metas}
    for inner in _blocks(block, metas):
        for content in inner.body.of("content") if inner.kind == "dynamic" else [inner]:
            found.setdefault(_kind(inner), []).append(_written(content))
    return found


def _blocks(block: HclBlock, metas: frozenset[str]) -> list[HclBlock]:
    return [inner for inner in block.body.blocks if inner.kind not in metas and inner.sound]


def _kind(block: HclBlock) -> str:
    return block.labels[0] if block.kind == "dynamic" else block.kind


def _values(
    module: Module, block: HclBlock, scope: Scope, metas: frozenset[str] = frozenset()
) -> tuple[Tree, Tree]:
    """Return what a block sets, and what of it is unknown, in the same shape."""
    pairs = {
        name: _split(scope.tried(written), scope.steps)
        for name, written in block.body.attributes.items()
        if name not in metas
    }
    values: Tree = {name: value for name, (value, missing) in pairs.items() if missing is not True}
    unknown: Tree = {name: missing for name, (_, missing) in pairs.items() if missing}
    for inner in _blocks(block, metas):
        name = _kind(inner)
        made = module.blocks_of(inner, scope) if inner.kind == "dynamic" else [(inner, scope)]
        for each, its_scope in made or ():
            found, missing = _values(module, each, its_scope)
            values.setdefault(name, []).append(found)
            if isinstance(unknown.setdefault(name, []), list):
                unknown[name].append(missing)
        if made is None:
            unknown[name] = True
    return values, unknown


def _split(value: Value, steps: StepBudget) -> tuple[Any, Any]:
    """Return a value without what is unknown, and the unknown parts in its shape; False for none."""
    steps.take()
    if not isinstance(value, list | dict):
        return (value, False) if is_known(value) else (None, True)
    if isinstance(value, list):
        found = [_split(inner, steps) for inner in value]
        missing = [missing for _, missing in found]
        return [inner for inner, _ in found], missing if any(missing) else False
    pairs = {key: _split(inner, steps) for key, inner in value.items()}
    known = {key: inner for key, (inner, missing) in pairs.items() if missing is not True}
    return known, {key: missing for key, (_, missing) in pairs.items() if missing} or False
