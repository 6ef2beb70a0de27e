"""A Terraform plan or state as a graph: resources by address, where they run, and who refers to whom.

The format is documented at developer.hashicorp.com/terraform/internals/json-format; blocks are lists. Only
this module follows references; the readers of resource types ask it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from capplan.adopt.terraform.addresses import (
    key_of,
    picked,
    references_in,
    scope_of,
    steps_of,
    texts_in,
    value_at,
    without_keys,
)
from capplan.adopt.terraform.planned import UNKNOWN, Planned, place_of, region_in
from capplan.adopt.tfplan import list_of, mapping_of
from capplan.plan.services import Provider

_IDENTITIES = (
    *("id", "arn", "name", "identifier", "cluster_identifier", "family", "self_link", "self_link_unique"),
    "address",
)
"""Attributes by which other resources name one."""

_DEEPEST = 40
"""Most references in a row, so that a damaged plan cannot lead in circles."""

_LONGEST = 5_000
"""Characters of an address; what is longer is none."""


class _Module(NamedTuple):
    """An instance of a module: its configuration, and the call and scope that it was made by.

    own: its address without the key of the instance.
    """

    configuration: Mapping[str, Any]
    call: Mapping[str, Any]
    parent: str
    own: str
    key: int | str | None


class _End(NamedTuple):
    """Where a reference leads: to a resource, if to one, and to a value; UNKNOWN if the document has none."""

    node: Planned | None
    value: object


class _User(NamedTuple):
    """What an expression belongs to, a resource or a call of a module: its key, and what it goes through."""

    key: int | str | None
    for_each: object


_CUT_OFF = _End(None, UNKNOWN)
"""Of a reference whose end the document does not show."""

_UNSHOWN = ("local", "path", "terraform", "count", "self")
"""First words of references to what no document shows."""

_UNKNOWN_EXPRESSION = {"references": ["local.unknown"]}


class Graph:
    """The resources of a document, by address, in its order."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        planned = document.get("planned_values", document.get("values"))
        configuration = mapping_of(document.get("configuration"))
        self._providers = mapping_of(configuration.get("provider_config"))
        self._variables = mapping_of(document.get("variables"))
        self._modules = {"": _Module(mapping_of(configuration.get("root_module")), {}, "", "", None)}
        changes = [mapping_of(change) for change in list_of(document.get("resource_changes"))]
        self._unknown = {
            str(change.get("address")): mapping_of(mapping_of(change.get("change")).get("after_unknown"))
            for change in changes
        }
        self.moved = {
            str(change.get("address")): before
            for change in changes
            if isinstance(before := change.get("previous_address"), str) and 0 < len(before) < _LONGEST
        }
        prior = mapping_of(mapping_of(document.get("prior_state")).get("values"))
        self._nodes: dict[str, Planned] = {}
        for source, managed in ((prior, False), (mapping_of(planned), True)):
            for entry in _entries(mapping_of(source.get("root_module"))):
                node = self._node(entry)
                if node is not None and (managed or not node.managed):
                    self._nodes[node.address] = node

    @property
    def resources(self) -> list[Planned]:
        """Every managed resource."""
        return [node for node in self._nodes.values() if node.managed]

    def of(self, *types: str) -> list[Planned]:
        """Return the managed resources of some types."""
        return [node for kind in types for node in self._by_type.get(kind, ())]

    def referred(self, node: Planned, path: str, types: Sequence[str]) -> list[Planned]:
        """Return what an attribute or block, by its dotted path, refers to: resources and data of ``types``.

        References are followed through variables, module inputs and outputs, and `each`; what is known is
        also found by its value, as in a state. An attribute that is not written stands for all of them.
        """
        ends = (end.node for end in self._reached(node, path))
        found = {n.address: n for n in ends if n is not None and n.type in types}
        if not found:
            said = set(texts_in(value_at(node.values, path)))
            for value in said:
                found |= {n.address: n for n in self._by_identity.get(value, ()) if n.type in types}
        found.pop(node.address, None)
        return list(found.values())

    def owner(self, node: Planned, path: str, types: Sequence[str]) -> Planned | None:
        """Return the one resource that an attribute refers to.

        Where a local value cuts the reference off, that is the only one of its type in the nearest module.
        """
        found = self.referred(node, path, types)
        if found:
            return found[0] if len(found) == 1 and found[0].managed else None
        if any(texts_in(value_at(node.values, path))) or not self._is_cut_off(node, path):
            return None
        scope = node.scope
        while True:
            near = [
                n for n in self.of(*types) if n.scope == scope or n.scope.startswith(f"{scope}.".lstrip("."))
            ]
            near = [n for n in near if n.address != node.address]
            if near or not scope:
                return near[0] if len(near) == 1 else None
            scope = self._module(scope).parent

    def unset(self, node: Planned, path: str) -> bool:
        """Say whether an attribute that `apply` will tell is written and comes to nothing.

        An expression of what is all known is known. If the plan has no value of it, it is null, and the
        provider chooses. Modules write every attribute so.
        """
        written = None if node.expressions is None else value_at(node.expressions, path)
        if not isinstance(written, dict):
            return False
        found = [
            end.value for end in self._ends(written, node.scope, _User(node.key, node.for_each), set(), 0)
        ]
        return bool(found) and UNKNOWN not in found

    def region(self, node: Planned) -> str | None:
        """Return where a resource is: as it says, as what it refers to says, or as its provider is set up."""
        provider = node.provider
        if provider is None:
            return None
        found = place_of(node, provider) or self._region_of_referred(node)
        # Where a module's own configuration says nothing, the one that it inherits does.
        for key in dict.fromkeys((node.provider_key, node.provider_key.rpartition(":")[2])):
            found = found or self._provider_region(key, provider) or self._regions_seen.get((provider, key))
        return found

    def _region_of_referred(self, node: Planned) -> str | None:
        """Return where Azure's resource group or parent of a resource is; Azure's provider has no region."""
        if node.provider != "azure":
            return None
        ends = [end.node for end in self._reached(node, "") if end.node and end.node.provider == "azure"]
        groups = [found for found in ends if found.type == "azurerm_resource_group"]
        places = {place for found in groups[:1] or ends if (place := place_of(found, "azure"))}
        return places.pop() if len(places) == 1 else None

    def _provider_region(self, key: str, provider: Provider) -> str | None:
        found = mapping_of(self._providers.get(key))
        expressions, scope = mapping_of(found.get("expressions")), str(found.get("module_address") or "")
        for attribute in ("region", "zone"):
            for end in self._ends(expressions.get(attribute), scope, None, set(), 0):
                region = region_in(end.value, provider)
                if region is not None:
                    return region
        return None

    @cached_property
    def _regions_seen(self) -> dict[tuple[Provider, str], str]:
        """Return a region by provider configuration, where its resources and data sources agree on one.

        A configuration of AWS has one region, so there the first that is known is enough.
        """
        found: dict[tuple[Provider, str], dict[str, None]] = defaultdict(dict)
        for node in self._nodes.values():
            region = node.provider and place_of(node, node.provider)
            if node.type == "aws_region":
                region = region or region_in(node.values.get("name"), "aws")
            if node.provider and region:
                found[node.provider, node.provider_key][region] = None
        return {key: next(iter(seen)) for key, seen in found.items() if key[0] == "aws" or len(seen) == 1}

    @cached_property
    def _by_type(self) -> dict[str, list[Planned]]:
        found: dict[str, list[Planned]] = defaultdict(list)
        for node in self.resources:
            found[node.type].append(node)
        return found

    @cached_property
    def _by_written(self) -> dict[str, list[Planned]]:
        """Return the instances of each resource, by its address without keys."""
        found: dict[str, list[Planned]] = defaultdict(list)
        for node in self._nodes.values():
            found[".".join(without_keys(steps_of(node.address)))].append(node)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Planned]]:
        found: dict[tuple[str, str], list[Planned]] = defaultdict(list)
        for node in self._nodes.values():
            kind = node.type if node.managed else f"data.{node.type}"
            found[node.scope, f"{kind}.{node.name}"].append(node)
        return found

    @cached_property
    def _by_identity(self) -> dict[str, list[Planned]]:
        found: dict[str, list[Planned]] = defaultdict(list)
        for node in self._nodes.values():
            for value in {
                node.values.get(key) for key in _IDENTITIES if isinstance(node.values.get(key), str)
            }:
                found[str(value)].append(node)
        return found

    def _node(self, entry: Mapping[str, Any]) -> Planned | None:
        """Return a resource; None for an entry without address and type."""
        address, kind, index = (entry.get(key) for key in ("address", "type", "index"))
        managed = entry.get("mode", "managed") == "managed"
        if not (isinstance(address, str) and isinstance(kind, str) and kind and 0 < len(address) < _LONGEST):
            return None
        if not managed and entry.get("mode") != "data":
            return None
        scope = scope_of(address)
        name = entry.get("name") if isinstance(entry.get("name"), str) else address.rpartition(".")[2]
        own = f"{kind}.{name}" if managed else f"data.{kind}.{name}"
        written = self._configured(scope).get(own)
        key = mapping_of(written).get("provider_config_key")
        return Planned(
            address=address,
            type=kind,
            name=str(name),
            key=index if isinstance(index, int | str) else None,
            scope=scope,
            managed=managed,
            values=mapping_of(entry.get("values")),
            unknown=self._unknown.get(address, {}),
            expressions=None if written is None else mapping_of(written.get("expressions")),
            for_each=mapping_of(written).get("for_each_expression"),
            provider_key=key if isinstance(key, str) else kind.partition("_")[0],
            depends_on=[found for found in list_of(entry.get("depends_on")) if isinstance(found, str)],
        )

    def _configured(self, scope: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the configuration of each resource of a module, by its address there."""
        module = self._module(scope)
        key = id(module.configuration)
        if key not in self._written:
            entries = map(mapping_of, list_of(module.configuration.get("resources")))
            self._written[key] = {str(entry.get("address")): entry for entry in entries}
        return self._written[key]

    @cached_property
    def _written(self) -> dict[int, Mapping[str, Mapping[str, Any]]]:
        return {}

    def _module(self, scope: str) -> _Module:
        """Return an instance of a module; an empty one where the configuration lacks it."""
        if scope not in self._modules:
            last = steps_of(scope)[-1]
            keyed = last.startswith("[")
            own = scope.removesuffix(last) if keyed else scope
            parent, _, name = own.rpartition("module.")
            parent = parent.rstrip(".")
            calls = mapping_of(self._module(parent).configuration.get("module_calls"))
            call = mapping_of(calls.get(name))
            configuration = mapping_of(call.get("module"))
            self._modules[scope] = _Module(configuration, call, parent, own, key_of(last) if keyed else None)
        return self._modules[scope]

    def _reached(self, node: Planned, path: str) -> Iterator[_End]:
        """Yield what an attribute leads to; all attributes do where it is not written."""
        if node.expressions is None:
            for address in node.depends_on:
                yield from (_End(found, UNKNOWN) for found in self._by_written.get(address, ()))
            yield _CUT_OFF
            return
        expression = value_at(node.expressions, path)
        written = node.expressions if expression is None else expression
        yield from self._ends(written, node.scope, _User(node.key, node.for_each), set(), 0)

    def _is_cut_off(self, node: Planned, path: str) -> bool:
        expression = None if node.expressions is None else value_at(node.expressions, path)
        return expression is None or _CUT_OFF in self._reached(node, path)

    def _ends(
        self, expression: object, scope: str, user: _User | None, seen: set[tuple[str, str]], depth: int
    ) -> Iterator[_End]:
        """Yield what an expression in a module leads to. ``user``: what it belongs to."""
        if isinstance(expression, dict) and "constant_value" in expression:
            yield _End(None, expression["constant_value"])
        for reference in references_in(expression):
            steps = steps_of(reference)
            if (reference, scope) in seen:
                continue
            seen.add((reference, scope))
            if depth > _DEEPEST or len(steps) < 2 or steps[0] in _UNSHOWN:
                yield _CUT_OFF
            elif steps[0] in ("each", "var", "module"):
                for inner, place, whose, rest in self._hops(steps, scope, user):
                    ends = self._ends(inner, place, whose, seen, depth + 1)
                    yield from (_End(end.node, picked(end.value, rest)) for end in ends)
            else:
                yield from self._named(steps, scope, user)

    def _hops(
        self, steps: list[str], scope: str, user: _User | None
    ) -> Iterator[tuple[object, str, _User | None, list[str]]]:
        """Yield the expressions that a reference stands for, their modules, and what it picks of them."""
        module = self._module(scope)
        if steps[0] == "module":
            for child, rest in self._children(steps[1:], scope, user):
                outputs = mapping_of(self._module(child).configuration.get("outputs"))
                if rest:
                    output = mapping_of(outputs.get(rest[0]))
                    yield output.get("expression", _UNKNOWN_EXPRESSION), child, None, rest[1:]
                else:  # `module.m[each.key].id` is written as `module.m`: it may mean any output
                    written = [mapping_of(output).get("expression") for output in outputs.values()]
                    yield [*(written or ({"references": [*self._configured(child)]},))], child, None, []
                    yield _UNKNOWN_EXPRESSION, child, None, []
        elif steps[0] == "var":
            declared = mapping_of(mapping_of(module.configuration.get("variables")).get(steps[1]))
            inputs = mapping_of(module.call.get("expressions"))
            given = mapping_of(self._variables.get(steps[1])) if not scope else {}
            if steps[1] in inputs:
                caller = _User(module.key, module.call.get("for_each_expression"))
                yield inputs[steps[1]], module.parent, caller, steps[2:]
            elif scope and "default" not in declared:
                yield _UNKNOWN_EXPRESSION, scope, None, []
            else:
                yield {"constant_value": given.get("value", declared.get("default"))}, scope, None, steps[2:]
        elif user is not None and user.for_each is not None:
            yield user.for_each, scope, user, []
        else:
            yield module.call.get("for_each_expression"), module.parent, None, []

    def _children(self, steps: list[str], scope: str, user: _User | None) -> list[tuple[str, list[str]]]:
        """Return the instances of a module that a reference means, and what is left of the reference."""
        own = f"{scope}.module.{steps[0]}".lstrip(".")
        if len(steps) > 1 and steps[1].startswith("[") and key_of(steps[1]) is not None:
            return [(own + steps[1], steps[2:])]
        steps = without_keys(steps[:2]) + steps[2:]
        every = self._scopes.get(own, [own])
        mine = [child for child in every if self._module(child).key in _keys(user, self._module(scope).key)]
        return [(child, steps[1:]) for child in (mine if len(mine) == 1 else every)]

    @cached_property
    def _scopes(self) -> dict[str, list[str]]:
        """Return the instances of each module that hold something, by their address without the last key."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for node in self._nodes.values():
            scope = node.scope
            while scope:
                found[self._module(scope).own][scope] = None
                scope = self._module(scope).parent
        return {name: list(scopes) for name, scopes in found.items()}

    def _named(self, steps: list[str], scope: str, user: _User | None) -> Iterator[_End]:
        """Yield the instances of a resource or data source that a reference means."""
        size = 3 if steps[0] == "data" else 2
        own = ".".join(steps[:size])
        written = ".".join([*without_keys(steps_of(scope)), own])
        nodes = self._by_name.get((scope, own)) or self._by_written.get(written, [])
        key = key_of(steps[size]) if len(steps) > size and steps[size].startswith("[") else None
        if key is None and len(nodes) > 1:
            mine = [node for node in nodes if node.key in _keys(user, self._module(scope).key)]
            nodes = mine if len(mine) == 1 else nodes
        elif key is not None:
            nodes = [node for node in nodes if node.key == key]
        if not nodes and steps[0] == "data":
            # A data source that is read during apply is in no list; the reference is whole all the same.
            source = Planned(
                address=own,
                type=steps[1],
                name=own,
                key=None,
                scope=scope,
                managed=False,
                values={},
                unknown={},
                expressions=None,
                for_each=None,
                provider_key=steps[1].partition("_")[0],
            )
            yield _End(source, UNKNOWN)
        if not nodes and steps[0] != "data":
            yield _CUT_OFF
        for node in nodes:
            value = picked(node.values, steps[size:])
            yield _End(node, UNKNOWN if value is None else value)


def _entries(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from map(mapping_of, list_of(module.get("resources")))
    for child in list_of(module.get("child_modules")):
        yield from _entries(mapping_of(child))


def _keys(user: _User | None, module_key: int | str | None) -> list[int | str]:
    return [key for key in (user.key if user else None, module_key) if key is not None]
