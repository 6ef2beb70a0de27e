"""Instances of modules: variables, locals, resources and outputs, worked out when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from capplan.adopt.hcl.evaluate import Scope, StepBudget, converted
from capplan.adopt.hcl.files import TOO_MUCH, Files
from capplan.adopt.hcl.syntax import Expression, HclBlock, parts, word_of
from capplan.adopt.hcl.values import UNKNOWN, FailedError, Names, Value, ValueSet, items, number, text
from capplan.adopt.terraform.addresses import modules_of
from capplan.adopt.tfforms import Key, indexed
from capplan.errors import InputError, Problem

_MOST_INSTANCES = 20_000
_DEEPEST = 12
"""Modules within modules."""

_PENDING = object()
_NO_VALUES = ("data", "path", "self", "each", "count")
"""First words of references to what no file says, or what means nothing where it stands."""

_IDENTITIES = ("id", "arn", "name", "identifier", "self_link", "address")
"""Attributes by which others name a resource. Before it is there, its address stands for them."""

_NOT_INPUTS = frozenset(("source", "version", "count", "for_each", "depends_on", "providers"))
"""What Terraform itself reads in a call of a module."""


class HclWorld(NamedTuple):
    """What all modules of a directory share. notes: by place, so that each is made once. made: how many."""

    files: Files
    steps: StepBudget
    notes: dict[tuple[str, str], None]
    made: list[int]

    def make(self, count: int) -> int:
        """Count instances. Raises :class:`InputError` when there are too many."""
        self.made[0] += count
        if self.made[0] > _MOST_INSTANCES:
            what = f"more than {_MOST_INSTANCES:,} resources and modules"
            raise InputError(Problem(str(self.files.root), what, TOO_MUCH))
        return count


class Module:
    """One instance of a module.

    inputs: values of its variables, by name. providers: keys of provider configurations, by local name.
    """

    def __init__(
        self,
        world: HclWorld,
        directory: Path,
        address: str,
        inputs: Mapping[str, Callable[[], Value]],
        providers: Mapping[str, str],
    ) -> None:
        self.world, self.directory, self.address = world, directory, address
        self.inputs, self.providers = inputs, providers
        self.blocks = [block for block in world.files.module(directory) if block.sound]
        self.scope = Scope({}, self._named, world.steps)
        self._found = _by_labels(self.blocks)
        self._locals = {k: v for block in self.of("locals") for k, v in block.body.attributes.items()}
        self._known: dict[Any, Any] = {}

    def of(self, kind: str) -> list[HclBlock]:
        """Return the blocks of a kind."""
        return [block for block in self.blocks if block.kind == kind]

    def inside(self, own: str) -> str:
        """Return the address of what is called ``own`` in the module."""
        return f"{self.address}.{own}" if self.address else own

    def _once(self, key: object, work: Callable[[], Any]) -> Any:
        """Return what ``work`` gives; what needs itself has no value."""
        if self._known.get(key) is _PENDING:
            raise FailedError("it refers to itself")
        if key not in self._known:
            self._known[key] = _PENDING
            self._known[key] = work()
        return self._known[key]

    def _named(self, name: str) -> Value:
        """Return what the first word of a reference means."""
        if name in _NO_VALUES:
            return UNKNOWN
        finders: dict[str, Callable[[str], Value]] = {
            "var": self.variable,
            "local": self._local,
            "module": self._call,
            "terraform": self._terraform,
        }
        return Names(finders.get(name) or partial(self._resource, name))

    def _terraform(self, name: str) -> Value:
        if name != "workspace":
            return UNKNOWN
        if self.world.files.workspace is None:
            what = "no .terraform/environment names a workspace, so it is taken to be 'default'"
            self.world.notes["terraform.workspace", what] = None
        return self.world.files.workspace or "default"

    def _block(self, *labels: str) -> HclBlock:
        if labels not in self._found:
            raise FailedError(f"there is no {'.'.join(labels)}")
        return self._found[labels]

    def variable(self, name: str) -> Value:
        """Return the value of a variable: as given, or its default."""
        return self._once(("var", name), lambda: self._variable(name))

    def _variable(self, name: str) -> Value:
        said = self._block("variable", name).body.attributes
        value = self.inputs[name]() if name in self.inputs else None
        if name not in self.inputs or (value is None and "nullable" in said):
            if "default" not in said:
                what = "has no default, and no tfvars file sets it"
                self.world.notes[self.inside(f"var.{name}"), what] = None
                return UNKNOWN
            value = self.scope.tried(said["default"])
        try:
            return converted(value, said["type"], self.scope) if "type" in said else value
        except FailedError:
            return UNKNOWN

    def _local(self, name: str) -> Value:
        if name not in self._locals:
            raise FailedError(f"there is no local.{name}")
        return self._once(("local", name), lambda: self.scope.tried(self._locals[name]))

    def output(self, name: str) -> Value:
        """Return an output of the module."""
        said = self._block("output", name).body.attributes
        return self._once(
            ("output", name), lambda: self.scope.tried(said["value"]) if "value" in said else UNKNOWN
        )

    def _resource(self, kind: str, name: str) -> Value:
        block = self._block("resource", kind, name)
        made = self.instances(block)
        return _shaped(block, made and {k: self.attributes(block, k, scope) for k, scope in made.items()})

    def attributes(self, block: HclBlock, key: Key, scope: Scope) -> Names:
        """Return the attributes of an instance of a resource; what apply gives it is unknown."""

        def find(name: str) -> Value:
            if name in block.body.attributes:
                written = block.body.attributes[name]
                return self._once((id(block), key, name), lambda: scope.tried(written))
            if name in _IDENTITIES and block.kind == "resource":
                return self.inside(f"{'.'.join(block.labels)}{indexed(key)}")
            return [self.attributes(each, key, scope) for each in block.body.of(name)] or UNKNOWN

        return Names(find)

    def _call(self, name: str) -> Value:
        block = self._block("module", name)
        made = self.children(block)
        return _shaped(block, made and {key: Names(child.output) for key, child in made.items()})

    def children(self, call: HclBlock) -> dict[Key, Module] | None:
        """Return the instances of a called module; None where they are unknown, or come from elsewhere."""
        found: dict[Key, Module] | None = self._once((id(call), "children"), lambda: self._children(call))
        return found

    def _children(self, call: HclBlock) -> dict[Key, Module] | None:
        own = self.inside(f"module.{call.labels[0]}")
        path = ".".join(name for name, _ in modules_of(own))
        said = call.body.attributes
        source = self.scope.tried(said["source"]) if "source" in said else UNKNOWN
        deep = own.count("module.") > _DEEPEST
        directory = None if deep else self.world.files.called(self.directory, source, path)
        if directory is None:
            what = "its source is not here; run terraform init, or adopt a plan as JSON"
            self.world.notes[own, what] = None
            return None
        given = {name: written for name, written in said.items() if name not in _NOT_INPUTS}
        providers = self._providers_of(said.get("providers"))
        return {
            key: Module(
                self.world,
                directory,
                f"{own}{indexed(key)}",
                {name: partial(scope.tried, written) for name, written in given.items()},
                providers,
            )
            for key, scope in (self.instances(call) or {}).items()
        }

    def _providers_of(self, written: Expression | None) -> dict[str, str]:
        """Return the provider configurations of a called module: given ones and inherited ones."""
        found = {name: key for name, key in self.providers.items() if "." not in name}
        for element in written.find_data("object_elem") if written is not None else ():
            key, value = map(word_of, parts(element))
            found[key] = self.provider_key(value)
        return found

    def provider_key(self, name: str) -> str:
        """Return the key of a provider configuration that is called ``name`` here."""
        own, _, alias = name.partition(".")
        here = any(
            block.labels[0] == own and ("alias" in block.body.attributes) == bool(alias)
            for block in self.of("provider")
        )
        return f"{self.address}:{name}" if here and self.address else self.providers.get(name, name)

    def instances(self, block: HclBlock) -> dict[Key, Scope] | None:
        """Return the scope of each instance by its key; None where their number cannot be worked out."""
        found: dict[Key, Scope] | None = self._once((id(block), "instances"), lambda: self._instances(block))
        return found

    def _instances(self, block: HclBlock) -> dict[Key, Scope] | None:
        said = block.body.attributes
        try:
            if "count" in said:
                count = self.world.make(int(number(self.scope.value(said["count"]))))
                return {i: self.scope.with_names(count=Names({"index": i}.get)) for i in range(count)}
            if "for_each" in said:
                pairs = each_of(self.scope.value(said["for_each"]))
                self.world.make(len(pairs))
                return {text(key): self.scope.with_names(each=_pair(key, value)) for key, value in pairs}
        except FailedError:
            own = ".".join((*(["module"] if block.kind == "module" else []), *block.labels))
            what = "its count or for_each cannot be worked out, so it is left out"
            self.world.notes[self.inside(own), what] = None
            return None
        self.world.make(1)
        return {None: self.scope}

    def blocks_of(self, block: HclBlock, scope: Scope) -> list[tuple[HclBlock, Scope]] | None:
        """Return the blocks that a dynamic block stands for; None where their number cannot be worked out."""
        said, content = block.body.attributes, block.body.of("content")
        name = word_of(said["iterator"]) if "iterator" in said else block.labels[0]
        try:
            value = scope.value(said["for_each"])
            pairs = items(value)
        except (FailedError, KeyError):
            return None
        return [(each, scope.with_names(**{name: _pair(*pair)})) for pair in pairs for each in content]


def _by_labels(blocks: Sequence[HclBlock]) -> dict[tuple[str, ...], HclBlock]:
    """Return blocks by what references call them; raise :class:`InputError` for two of one name."""
    found: dict[tuple[str, ...], HclBlock] = {}
    for block in blocks:
        first = found.setdefault((block.kind, *block.labels), block)
        if first is not block and block.kind in ("resource", "module", "variable", "output"):
            what = (
                f"{block.kind} {'.'.join(block.labels)} is declared again; the first one is at {first.place}"
            )
            raise InputError(Problem(block.place, what))
    return found


def each_of(value: Value) -> list[tuple[Value, Value]]:
    """Return the keys and values of a `for_each`, whose lists are sets."""
    return items(ValueSet.of(value) if isinstance(value, list) else value)


def _pair(key: Value, value: Value) -> Names:
    return Names({"key": key, "value": value}.get)


def _shaped(block: HclBlock, found: Any) -> Value:
    """Return instances as a reference sees them: a list, a mapping, or the only one."""
    if found is None:
        return UNKNOWN
    if "count" in block.body.attributes:
        return list(found.values())
    return found if "for_each" in block.body.attributes else found.get(None, UNKNOWN)
