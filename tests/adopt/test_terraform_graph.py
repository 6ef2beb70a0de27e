"""References and regions as Terraform means them: by address, through modules, keys and variables."""

from __future__ import annotations

from typing import Any

import pytest

from capplan.adopt.terraform.graph import Graph


def entry(address: str, mode: str = "managed", **values: Any) -> dict[str, Any]:
    """Return a resource as a plan lists it."""
    last = address.rpartition("module.")[2].split(".", 1)[-1] if "module." in address else address
    last = last.removeprefix("data.")
    kind, _, name = last.partition(".")
    name, _, key = name.partition("[")
    key = key.rstrip("]")
    index: Any = int(key) if key.isdecimal() else key.strip('"') or None
    found = {"address": address, "mode": mode, "type": kind, "name": name, "values": values}
    return found if index is None else {**found, "index": index}


def refers(*references: str) -> dict[str, Any]:
    return {"references": list(references)}


def module(resources: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a module's configuration; ``resources``: expressions by address."""
    listed = [
        {"address": address, "provider_config_key": "aws", **found}
        if "expressions" in found
        else {"address": address, "provider_config_key": "aws", "expressions": found}
        for address, found in (resources or {}).items()
    ]
    return {"resources": listed, **more}


def graph(*entries: dict[str, Any], root: dict[str, Any] | None = None, **more: Any) -> Graph:
    configuration = {"root_module": root or {}, "provider_config": more.pop("providers", {})}
    planned = {"root_module": {"resources": list(entries)}}
    return Graph({"planned_values": planned, "configuration": configuration, **more})


def node(found: Graph, address: str) -> Any:
    return next(n for n in found.resources if n.address == address)


def owner(found: Graph, address: str, path: str, kind: str) -> str | None:
    target = found.owner(node(found, address), path, (kind,))
    return None if target is None else target.address


GROUP, CLUSTER, TEMPLATE = "aws_eks_node_group", "aws_eks_cluster", "aws_launch_template"


def test_a_reference_goes_through_inputs_and_outputs_of_modules() -> None:
    cluster = module(
        {f"{CLUSTER}.this": {}}, outputs={"name": {"expression": refers(f"{CLUSTER}.this.name")}}
    )
    pools = module({f"{GROUP}.this": {"cluster_name": refers("var.cluster")}})
    outer = module(
        module_calls={
            "pools": {"module": pools, "expressions": {"cluster": refers("var.name")}},
        }
    )
    root = module(
        module_calls={
            "eks": {"module": cluster},
            "other": {"module": cluster},
            "apps": {"module": outer, "expressions": {"name": refers("module.eks.name", "module.eks")}},
        }
    )
    found = graph(
        entry(f"module.eks.{CLUSTER}.this"),
        entry(f"module.other.{CLUSTER}.this"),
        entry(f"module.apps.module.pools.{GROUP}.this"),
        root=root,
    )
    at = f"module.apps.module.pools.{GROUP}.this"
    assert owner(found, at, "cluster_name", CLUSTER) == f"module.eks.{CLUSTER}.this"


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        (f'{TEMPLATE}.lt["b"].id', f'{TEMPLATE}.lt["b"]'),
        (f"{TEMPLATE}.lt", f'{TEMPLATE}.lt["a"]'),
        (f"{TEMPLATE}.one[1]", f"{TEMPLATE}.one[1]"),
        ("module.m[1].id", f"module.m[1].{TEMPLATE}.x"),
        ('data.aws_launch_template.mine["a"].id', None),
    ],
)
def test_keys_pick_the_instance(reference: str, target: str | None) -> None:
    child = module({f"{TEMPLATE}.x": {}}, outputs={"id": {"expression": refers(f"{TEMPLATE}.x.id")}})
    root = module(
        {"aws_autoscaling_group.g": {"launch_template": [{"id": refers(reference)}]}},
        module_calls={"m": {"module": child}},
    )
    found = graph(
        *(entry(f'{TEMPLATE}.lt["{key}"]') for key in "ab"),
        *(entry(f"{TEMPLATE}.one[{key}]") for key in range(2)),
        *(entry(f"module.m[{key}].{TEMPLATE}.x") for key in range(2)),
        entry('aws_autoscaling_group.g["a"]'),
        root=root,
    )
    assert owner(found, 'aws_autoscaling_group.g["a"]', "launch_template", TEMPLATE) == target


def test_each_refers_to_what_it_goes_through() -> None:
    groups = {
        "aws_autoscaling_group.g": {
            "expressions": {"launch_template": [{"id": refers("each.value.id", "each.value")}]},
            "for_each_expression": refers(f"{TEMPLATE}.lt"),
        }
    }
    found = graph(
        *(entry(f'{TEMPLATE}.lt["{key}"]') for key in "ab"),
        *(entry(f'aws_autoscaling_group.g["{key}"]') for key in "ab"),
        root=module(groups),
    )
    for key in "ab":
        at = f'aws_autoscaling_group.g["{key}"]'
        assert owner(found, at, "launch_template", TEMPLATE) == f'{TEMPLATE}.lt["{key}"]'


def test_a_local_that_cuts_a_reference_off_leaves_the_only_one_nearby() -> None:
    pool = module({f"{GROUP}.this": {"cluster_name": refers("local.name")}})
    eks = module({f"{CLUSTER}.this": {}}, module_calls={"pool": {"module": pool}})
    root = module(module_calls={name: {"module": eks} for name in ("blue", "green")})
    colours = ("blue", "green")
    found = graph(
        *(entry(f"module.{colour}.{CLUSTER}.this[0]") for colour in colours),
        *(entry(f'module.{colour}.module.pool["a"].{GROUP}.this[0]') for colour in colours),
        root=root,
    )
    for colour in colours:
        at = f'module.{colour}.module.pool["a"].{GROUP}.this[0]'
        assert owner(found, at, "cluster_name", CLUSTER) == f"module.{colour}.{CLUSTER}.this[0]"


@pytest.mark.parametrize(
    "written", [refers("data.aws_eks_cluster.x.name"), {"constant_value": "elsewhere"}, refers("local.x")]
)
def test_what_belongs_elsewhere_belongs_to_nothing_here(written: dict[str, Any]) -> None:
    """A data source, a name that nothing has, and one of two that may be meant."""
    pool = entry(f"{GROUP}.p", cluster_name=written.get("constant_value"))
    several = [entry(f"{CLUSTER}.{name}", name=name) for name in ("a", "b")]
    clusters = several if written == refers("local.x") else several[:1]
    found = graph(*clusters, pool, root=module({f"{GROUP}.p": {"cluster_name": written}}))
    assert owner(found, f"{GROUP}.p", "cluster_name", CLUSTER) is None


def test_a_state_is_read_by_its_values_and_dependencies() -> None:
    by_id = entry("aws_autoscaling_group.a", launch_template=[{"id": "lt-2"}])
    by_dependency = {**entry("aws_autoscaling_group.b"), "depends_on": [f"{TEMPLATE}.one"]}
    templates = [entry(f"{TEMPLATE}.one", id="lt-1"), entry(f"{TEMPLATE}.two", id="lt-2")]
    found = Graph({"values": {"root_module": {"resources": [by_id, by_dependency, *templates]}}})
    assert owner(found, "aws_autoscaling_group.a", "launch_template", TEMPLATE) == f"{TEMPLATE}.two"
    assert owner(found, "aws_autoscaling_group.b", "launch_template", TEMPLATE) == f"{TEMPLATE}.one"


def constant(value: str) -> dict[str, Any]:
    return {"expressions": {"region": {"constant_value": value}}}


PROVIDERS = {
    "aws": constant("us-east-1"),
    "aws.europe": constant("eu-west-1"),
    "aws.variable": {"expressions": {"region": refers("var.place.region", "var.place")}},
    "aws.defaulted": {"expressions": {"region": refers("var.unset")}},
    "module.m:aws.inner": {"expressions": {"region": refers("var.given")}, "module_address": "module.m"},
    "aws.data": {"expressions": {"region": refers("data.aws_region.here.name")}},
    "aws.local": {"expressions": {"region": refers("local.region")}},
}


@pytest.mark.parametrize(
    ("key", "values", "region"),
    [
        ("aws.europe", {}, "eu-west-1"),
        ("aws.variable", {}, "eu-north-1"),
        ("aws.defaulted", {}, "ca-central-1"),
        ("module.m:aws.inner", {}, "ap-south-1"),
        ("vpc:aws.europe", {}, "eu-west-1"),
        ("shop:aws", {}, "ap-east-1"),
        ("aws.data", {}, "sa-east-1"),
        ("aws.local", {}, "us-west-2"),
        ("aws", {"availability_zone": "eu-central-1b"}, "eu-central-1"),
        ("aws", {"arn": "arn:aws-us-gov:ec2:us-gov-west-1:1:x"}, "us-gov-west-1"),
        ("aws", {"region": "il-central-1"}, "il-central-1"),
        ("aws.nowhere", {}, None),
    ],
)
def test_the_region_of_a_resource(key: str, values: dict[str, Any], region: str | None) -> None:
    resources = {
        "aws_nat_gateway.n": {"expressions": {}, "provider_config_key": key},
        "aws_subnet.s": {"expressions": {}, "provider_config_key": "aws.local"},
        "aws_subnet.shop": {"expressions": {}, "provider_config_key": "shop:aws"},
    }
    root = module(
        resources,
        variables={"unset": {"default": "ca-central-1"}, "place": {}, "outer": {}},
        module_calls={"m": {"module": module(), "expressions": {"given": refers("var.outer")}}},
    )
    prior = {"root_module": {"resources": [entry("data.aws_region.here", "data", name="sa-east-1")]}}
    found = graph(
        entry("aws_nat_gateway.n", **values),
        entry("aws_subnet.s", availability_zone="us-west-2a"),
        entry("aws_subnet.shop", availability_zone="ap-east-1a"),
        root=root,
        providers=PROVIDERS,
        variables={"place": {"value": {"region": "eu-north-1"}}, "outer": {"value": "ap-south-1"}},
        prior_state={"values": prior},
    )
    assert found.region(node(found, "aws_nat_gateway.n")) == region


def test_an_azure_resource_is_where_its_group_is() -> None:
    root = module({"azurerm_lb.l": {"resource_group_name": refers("azurerm_resource_group.g.name")}})
    found = graph(entry("azurerm_resource_group.g", location="West Europe"), entry("azurerm_lb.l"), root=root)
    assert found.region(node(found, "azurerm_lb.l")) == "westeurope"


def test_the_key_of_a_module_picks_the_module_that_it_gets() -> None:
    """Terraform writes `module.farm[each.key].id` as the references `module.farm` and `each.key`."""
    farm = module(
        {"azurerm_kubernetes_cluster.k": {}},
        outputs={
            "name": {"expression": {"constant_value": "farm"}},
            "id": {"expression": refers("azurerm_kubernetes_cluster.k.id")},
        },
    )
    pools = module({"azurerm_kubernetes_cluster_node_pool.p": {"kubernetes_cluster_id": refers("var.farm")}})
    call = {"module": pools, "expressions": {"farm": refers("module.farm", "each.key")}}
    found = graph(
        *(entry(f"azurerm_managed_disk.{place}", location=place) for place in ("westus2", "northeurope")),
        *(
            entry(f'module.farm["{key}"].azurerm_kubernetes_cluster.k', location=place)
            for key, place in (("n", "norwayeast"), ("s", "swedencentral"))
        ),
        *(entry(f'module.pools["{key}"].azurerm_kubernetes_cluster_node_pool.p') for key in "ns"),
        entry("azurerm_kubernetes_cluster_node_pool.alone"),
        root=module(module_calls={"farm": {"module": farm}, "pools": call}),
    )
    kind = "azurerm_kubernetes_cluster"
    for key, place in (("n", "norwayeast"), ("s", "swedencentral")):
        at = f'module.pools["{key}"].{kind}_node_pool.p'
        assert owner(found, at, "kubernetes_cluster_id", kind) == f'module.farm["{key}"].{kind}.k'
        assert found.region(node(found, at)) == place
    assert found.region(node(found, f"{kind}_node_pool.alone")) is None


def test_references_in_a_circle_end() -> None:
    a = module(outputs={"x": {"expression": refers("var.x")}})
    root = module(
        {f"{GROUP}.p": {"cluster_name": refers("module.a.x")}},
        module_calls={"a": {"module": a, "expressions": {"x": refers("module.a.x", "module.a.x")}}},
    )
    found = graph(entry(f"{GROUP}.p"), entry(f"{CLUSTER}.c"), root=root)
    assert found.referred(node(found, f"{GROUP}.p"), "cluster_name", (CLUSTER,)) == []


@pytest.mark.parametrize(
    ("written", "unset"),
    [
        (refers("var.size"), True),
        (refers("var.wanted", "var.size"), True),
        ({"constant_value": None}, True),
        (refers("aws_ami.a.size", "aws_ami.a"), False),
        (refers("local.size"), False),
        ({}, False),
    ],
)
def test_what_is_written_of_known_values_and_has_none_is_not_set(written: Any, unset: bool) -> None:
    """Modules write every attribute; those that nobody gives are null, and the provider chooses."""
    database = module(
        {"aws_db_instance.db": {"allocated_storage": written}},
        variables={"size": {"default": None}, "wanted": {"default": False}},
    )
    found = graph(
        entry("module.db.aws_db_instance.db"),
        entry("module.db.aws_ami.a"),
        root=module(module_calls={"db": {"module": database, "expressions": {}}}),
    )
    assert found.unset(node(found, "module.db.aws_db_instance.db"), "allocated_storage") == unset


def test_each_reference_is_followed_once() -> None:
    """Otherwise thirty outputs that refer to two others each would be a thousand million ways."""
    outputs = {
        f"o{index}": {"expression": refers(*(f"module.m.o{index + 1}[{key}]" for key in range(2)))}
        for index in range(30)
    }
    outputs["o30"] = {"expression": refers(f"{CLUSTER}.c.name")}
    root = module(
        {f"{GROUP}.p": {"cluster_name": refers("module.m.o0")}},
        module_calls={"m": {"module": module(outputs=outputs, module_calls={"m": {"module": {}}})}},
    )
    nested = root["module_calls"]["m"]["module"]
    nested["module_calls"]["m"]["module"] = nested
    found = graph(entry(f"{GROUP}.p"), root=root)
    assert found.referred(node(found, f"{GROUP}.p"), "cluster_name", (CLUSTER,)) == []
