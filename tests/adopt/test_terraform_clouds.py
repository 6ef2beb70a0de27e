"""Google's and Azure's resources in Terraform: priced by hand's figures to the cent, free, or named.

Prices are list prices in us-central1 and East US, a month has 730 hours, N1 and N2 machines run at the
sustained-use discount of a whole month (30 and 19.98 %).
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import SHIPPED, monthly

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.estimate import Estimate, estimate

MONTH = 730
E2_MEDIUM, E2_STANDARD_2 = 0.03350571, 0.06701142
N1_STANDARD_4 = 0.189999 * 0.7
PD_STANDARD, PD_BALANCED, PD_SSD, LOCAL_SSD = 0.04, 0.10, 0.17, 0.08


def read(directory: Path, text: str) -> Adopted:
    (directory / "main.tf").write_text(
        'provider "google" {\n  region = "us-central1"\n}\n' + textwrap.dedent(text), encoding="utf-8"
    )
    return adopt(directory, AdoptOptions())


def priced(directory: Path, text: str) -> Estimate:
    return estimate(read(directory, text).file(), SHIPPED)


def notes(found: Adopted) -> str:
    return "\n".join(f"{note.severity} {note.subject}: {note.message}" for note in found.notes)


class Case(NamedTuple):
    """Files, what they cost a month, and what is said about them."""

    text: str
    cost: float
    said: tuple[str, ...] = ()


def instance(body: str, machine: str = "e2-standard-2") -> str:
    return f"""
        resource "google_compute_instance" "shop" {{
          machine_type = "{machine}"
          zone         = "us-central1-b"
          {body}
        }}
    """


GOOGLE = {
    "an instance with all its disks": Case(
        instance(
            """
            boot_disk {
              initialize_params {
                size = 30
                type = "pd-ssd"
              }
            }
            scratch_disk { interface = "NVME" }
            scratch_disk { interface = "NVME" }
            network_interface {
              access_config {}
            }
            """
        ),
        MONTH * (E2_STANDARD_2 + 0.005) + 30 * PD_SSD + 750 * LOCAL_SSD,
    ),
    "a boot disk without a price": Case(
        instance(
            """
            boot_disk {
              initialize_params { type = "hyperdisk-none" }
            }
            scratch_disk { interface = "NVME" }
            """
        ),
        MONTH * E2_STANDARD_2 + 375 * LOCAL_SSD,
        ("the catalog has no hyperdisk-none",),
    ),
    "GPUs beside a machine": Case(
        instance(
            """
            boot_disk {
              initialize_params { size = 10 }
            }
            guest_accelerator {
              type  = "nvidia-tesla-t4"
              count = 2
            }
            """,
            "n1-standard-4",
        ),
        MONTH * (N1_STANDARD_4 + 2 * 0.35) + 10 * PD_STANDARD,
    ),
    "a machine of one's own size": Case(
        instance("boot_disk {\n  initialize_params { size = 10 }\n}", "n2-custom-8-20480"),
        MONTH * 0.8002 * (8 * 0.033174 + 20 * 0.004446) + 10 * PD_STANDARD,
    ),
    "a stopped instance": Case(
        instance('desired_status = "TERMINATED"\nboot_disk {\n  initialize_params { size = 50 }\n}'),
        50 * PD_STANDARD,
        ("it is stopped",),
    ),
    "an image's size": Case(
        instance('boot_disk {\n  initialize_params { image = "debian-12" }\n}'),
        MONTH * E2_STANDARD_2 + 10 * PD_STANDARD,
        ("its boot disk has 10 GiB",),
    ),
    "a managed group of a template": Case(
        """
        resource "google_compute_instance_template" "web" {
          machine_type = "e2-standard-2"
          disk {
            boot         = true
            disk_size_gb = 20
            disk_type    = "pd-balanced"
          }
          disk { disk_size_gb = 100 }
        }
        resource "google_compute_region_instance_group_manager" "web" {
          region = "us-central1"
          version { instance_template = google_compute_instance_template.web.id }
          target_size = 4
        }
        """,
        4 * (MONTH * E2_STANDARD_2 + 20 * PD_BALANCED + 100 * PD_STANDARD),
    ),
    "disks": Case(
        """
        resource "google_compute_disk" "plain" {
          zone = "us-central1-a"
          size = 80
          type = "projects/p/zones/us-central1-a/diskTypes/pd-balanced"
        }
        resource "google_compute_region_disk" "twice" {
          size          = 50
          type          = "pd-ssd"
          replica_zones = ["us-central1-a", "us-central1-f"]
        }
        resource "google_compute_snapshot" "s" { source_disk = google_compute_disk.plain.id }
        resource "google_compute_disk" "again" {
          zone     = "us-central1-a"
          type     = "pd-ssd"
          snapshot = google_compute_snapshot.s.id
        }
        """,
        80 * PD_BALANCED + 50 * 2 * PD_SSD + 80 * PD_SSD,
    ),
    "addresses": Case(
        instance(
            """
            boot_disk { source = "somewhere" }
            network_interface {
              access_config { nat_ip = google_compute_address.used.address }
            }
            """
        )
        + """
        resource "google_compute_address" "used" {}
        resource "google_compute_address" "idle" {}
        resource "google_compute_address" "inside" { address_type = "INTERNAL" }
        resource "google_compute_global_address" "front" {}
        resource "google_compute_global_forwarding_rule" "web" {
          ip_address = google_compute_global_address.front.address
          target     = "proxy"
        }
        """,
        MONTH * (E2_STANDARD_2 + 0.005 + 0.01 + 0.025),
    ),
    "a cluster with pools inside and beside": Case(
        """
        resource "google_container_cluster" "main" {
          location = "us-central1-a"
          node_pool {
            name       = "inside"
            node_count = 2
            node_config {
              machine_type = "e2-standard-2"
              disk_size_gb = 50
              disk_type    = "pd-standard"
            }
          }
        }
        resource "google_container_node_pool" "beside" {
          cluster            = google_container_cluster.main.name
          location           = "us-central1-a"
          node_locations     = ["us-central1-a", "us-central1-b"]
          initial_node_count = 3
          autoscaling {
            min_node_count = 1
            max_node_count = 5
          }
          node_config { machine_type = "e2-medium" }
        }
        """,
        MONTH * (0.1 + 2 * E2_STANDARD_2 + 6 * E2_MEDIUM) + 2 * 50 * PD_STANDARD + 6 * 100 * PD_BALANCED,
        ("boot disks of 100 GiB of pd-balanced",),
    ),
    "the default pool": Case(
        """
        resource "google_container_cluster" "main" {
          location           = "us-central1"
          initial_node_count = 2
          node_config {
            disk_size_gb = 20
            disk_type    = "pd-ssd"
          }
        }
        """,
        MONTH * (0.1 + 6 * E2_MEDIUM) + 6 * 20 * PD_SSD,
    ),
    "a removed default pool": Case(
        """
        resource "google_container_cluster" "main" {
          location                 = "us-central1"
          initial_node_count       = 1
          remove_default_node_pool = true
        }
        """,
        MONTH * 0.1,
        ("only its fee is priced",),
    ),
    "Autopilot": Case(
        'resource "google_container_cluster" "a" {\n  location = "us-central1"\n  enable_autopilot = true\n}',
        MONTH * 0.1,
        ("pods of Autopilot are billed by use",),
    ),
    "a pool without nodes": Case(
        """
        resource "google_container_cluster" "main" {
          location                 = "us-central1"
          remove_default_node_pool = true
        }
        resource "google_container_node_pool" "none" {
          cluster    = google_container_cluster.main.id
          node_count = 0
        }
        """,
        MONTH * 0.1,
    ),
    "a database on HDD, highly available": Case(
        """
        resource "google_sql_database_instance" "db" {
          database_version = "POSTGRES_16"
          settings {
            tier              = "db-custom-2-8192"
            availability_type = "REGIONAL"
            disk_type         = "PD_HDD"
            disk_size         = 200
          }
        }
        """,
        2 * (MONTH * (2 * 0.0413 + 8 * 0.007) + 200 * 0.09),
    ),
    "a database of the Enterprise Plus edition": Case(
        """
        resource "google_sql_database_instance" "db" {
          database_version = "POSTGRES_16"
          settings {
            tier      = "db-perf-optimized-N-4"
            edition   = "ENTERPRISE_PLUS"
            disk_size = 100
          }
        }
        """,
        MONTH * (4 * 0.0537 + 32 * 0.0091) + 100 * 0.17,
    ),
    "a stopped database": Case(
        """
        resource "google_sql_database_instance" "db" {
          database_version = "MYSQL_8_0"
          settings {
            tier              = "db-n1-standard-2"
            activation_policy = "NEVER"
            disk_size         = 40
          }
        }
        """,
        40 * 0.17 + MONTH * 0.01,
        ("it is stopped",),
    ),
    "Redis with read replicas": Case(
        """
        resource "google_redis_instance" "cache" {
          tier               = "STANDARD_HA"
          memory_size_gb     = 20
          replica_count      = 3
          read_replicas_mode = "READ_REPLICAS_ENABLED"
        }
        """,
        MONTH * 20 * 0.023 * 4,
        ("each read replica costs half",),
    ),
    "Cloud Run with a sidecar": Case(
        """
        resource "google_cloud_run_v2_service" "api" {
          location = "us-central1"
          scaling { min_instance_count = 2 }
          template {
            containers {
              resources {
                cpu_idle = false
                limits   = { cpu = "1", memory = "1Gi" }
              }
            }
            containers {
              resources {
                cpu_idle = false
                limits   = { cpu = "1000m", memory = "1Gi" }
              }
            }
          }
        }
        """,
        # The free tier of 240,000 vCPU-seconds and 450,000 GiB-seconds is taken off.
        (4 * MONTH * 3600 - 240_000) * 18e-6 + (4 * MONTH * 3600 - 450_000) * 2e-6,
        ("a request takes 100ms",),
    ),
    "a connector to a network": Case(
        'resource "google_vpc_access_connector" "c" {\n  min_instances = 3\n}',
        MONTH * 3 * 0.00837643,
        ("3 machines that are its least",),
    ),
    "what is billed by use, and what is free": Case(
        """
        resource "google_storage_bucket" "b" { location = "US" }
        resource "google_pubsub_topic" "t" {}
        resource "google_cloudfunctions2_function" "f" {}
        resource "google_project_iam_member" "m" {}
        resource "google_compute_network" "n" {}
        """,
        0.0,
        ("google_storage_bucket.b: stored data", "google_pubsub_topic.t: messages"),
    ),
}


D4S, D2S, P10, E4 = 0.192, 0.096, 19.71, 2.4


def azure(kind: str, body: str) -> str:
    return f'resource "azurerm_{kind}" "x" {{\n  location = "East US"\n{textwrap.dedent(body)}\n}}\n'


AZURE = {
    "a machine with its disks": Case(
        azure(
            "linux_virtual_machine",
            """
            size = "standard_d4s_v3"
            os_disk {
              storage_account_type = "StandardSSD_LRS"
            }
            """,
        )
        + azure("managed_disk", 'storage_account_type = "Premium_LRS"\ndisk_size_gb = 100'),
        MONTH * D4S + E4 + P10,
        ("its system disk has 30 GiB",),
    ),
    "Windows": Case(
        azure("windows_virtual_machine", 'size = "Standard_D2s_v3"'),
        MONTH * D2S,
        ("the licence of Windows has no price here",),
    ),
    "a machine of the old type": Case(
        azure(
            "virtual_machine",
            """
            vm_size = "Standard_D2s_v3"
            storage_os_disk {
              managed_disk_type = "Premium_LRS"
              disk_size_gb      = 128
            }
            storage_data_disk {
              managed_disk_type = "Premium_LRS"
              disk_size_gb      = 64
              lun               = 0
            }
            """,
        ),
        MONTH * D2S + P10 + 10.21,
    ),
    "a disk without a price before another": Case(
        azure(
            "virtual_machine",
            """
            vm_size = "Standard_D2s_v3"
            storage_os_disk {
              disk_size_gb = 32
            }
            storage_data_disk {
              managed_disk_type = "UltraSSD_LRS"
              disk_size_gb      = 64
            }
            storage_data_disk {
              managed_disk_type = "Premium_LRS"
              disk_size_gb      = 128
            }
            """,
        ),
        MONTH * D2S + 1.536 + P10,
        ("disks of type UltraSSD_LRS",),
    ),
    "a scale set that moves": Case(
        azure(
            "linux_virtual_machine_scale_set",
            """
            sku       = "Standard_D2s_v3"
            instances = 3
            os_disk {
              storage_account_type = "Premium_LRS"
              disk_size_gb         = 32
            }
            """,
        )
        + """
        resource "azurerm_monitor_autoscale_setting" "x" {
          target_resource_id = azurerm_linux_virtual_machine_scale_set.x.id
          profile {
            capacity {
              minimum = 2
              maximum = 8
              default = 2
            }
          }
        }
        """,
        3 * (MONTH * D2S + 5.28),
    ),
    "AKS with a pool beside": Case(
        azure(
            "kubernetes_cluster",
            """
            sku_tier = "Standard"
            default_node_pool {
              name            = "system"
              vm_size         = "Standard_D2s_v3"
              node_count      = 2
              os_disk_type    = "Ephemeral"
            }
            """,
        )
        + """
        resource "azurerm_kubernetes_cluster_node_pool" "work" {
          kubernetes_cluster_id = azurerm_kubernetes_cluster.x.id
          vm_size               = "Standard_D4s_v3"
          auto_scaling_enabled  = true
          min_count             = 0
          max_count             = 5
          node_count            = 3
        }
        """,
        MONTH * (0.1 + 2 * D2S + 3 * D4S) + 3 * P10,
        ("system disks of 128 GiB (Premium)",),
    ),
    "PostgreSQL in the provider's words": Case(
        azure(
            "postgresql_flexible_server",
            """
            sku_name   = "B_Standard_B1ms"
            storage_mb = 65536
            high_availability { mode = "ZoneRedundant" }
            """,
        ),
        2 * (MONTH * 0.017 + 64 * 0.115),
    ),
    "Redis by shard and replica": Case(
        azure("redis_cache", 'sku_name = "Standard"\nfamily = "C"\ncapacity = 3'), MONTH * 0.45
    ),
    "Container Apps": Case(
        azure(
            "container_app",
            """
            template {
              min_replicas = 0
              max_replicas = 4
              container {
                cpu    = 0.5
                memory = "1Gi"
              }
            }
            """,
        ),
        0.0,
        ("a request takes 100ms",),
    ),
    "databases by DTU, containers, events": Case(
        'resource "azurerm_mssql_database" "d" {\n  sku_name = "S3"\n}\n'
        + azure(
            "container_group",
            "container {\n  cpu = 2\n  memory = 4\n}\ncontainer {\n  cpu = 0.5\n  memory = 1\n}",
        )
        + azure("eventhub_namespace", 'sku = "Standard"\ncapacity = 2'),
        MONTH * (0.2016 + 2.5 * 0.0405 + 5 * 0.00445 + 2 * 0.03),
        ("events are billed by use",),
    ),
    "a registry that is copied": Case(
        azure("container_registry", 'sku = "Premium"\ngeoreplications {\n  location = "westeurope"\n}'),
        101.38,
    ),
    "networks": Case(
        azure("nat_gateway", "")
        + azure("lb", 'sku = "Standard"')
        + 'resource "azurerm_lb_rule" "r" {\n  count = 7\n  loadbalancer_id = azurerm_lb.x.id\n}\n'
        + 'resource "azurerm_lb" "basic" {\n  location = "eastus"\n  sku = "Basic"\n}\n',
        MONTH * (0.045 + 0.025 + 2 * 0.01),
        ("processed data are billed by use",),
    ),
}


@pytest.mark.parametrize("name", [*GOOGLE, *AZURE])
def test_a_resource_is_right_to_the_cent_or_named(name: str, tmp_path: Path) -> None:
    case = {**GOOGLE, **AZURE}[name]
    found = read(tmp_path, case.text)
    assert monthly(estimate(found.file(), SHIPPED)) == pytest.approx(case.cost, abs=0.01), notes(found)
    for said in case.said:
        assert said in notes(found)
    if not case.said:
        assert "unpriced-attribute" not in {note.code for note in found.notes}, notes(found)


def test_what_runs_today_stands_between_the_bounds(tmp_path: Path) -> None:
    result = priced(tmp_path, AZURE["a scale set that moves"].text)
    each = MONTH * D2S + 5.28
    assert result.total.floor.item() == pytest.approx(2 * each, abs=0.01)
    assert result.total.ceiling.item() == pytest.approx(8 * each, abs=0.01)


def test_spot_is_bought_as_spot(tmp_path: Path) -> None:
    text = instance('scheduling {\n  provisioning_model = "SPOT"\n}\nboot_disk {\n  source = "x"\n}')
    assert {line.meter.rate for line in priced(tmp_path, text).lines} == {"spot"}
    pool = azure(
        "kubernetes_cluster_node_pool",
        'kubernetes_cluster_id = "/there"\nvm_size = "Standard_D4s_v3"\npriority = "Spot"\nnode_count = 1',
    )
    lines = priced(tmp_path, pool).lines
    assert {line.meter.rate for line in lines if "Standard" in line.meter.sku} == {"spot"}


def pool(body: str) -> str:
    return f"""
        resource "google_container_node_pool" "p" {{
          cluster    = "elsewhere"
          location   = "us-central1-c"
          node_count = 2
          node_config {{
            {body}
          }}
        }}
    """


def test_profiles_of_a_scale_set_together_bound_it(tmp_path: Path) -> None:
    text = azure(
        "linux_virtual_machine_scale_set",
        """
        sku       = "Standard_D2s_v5"
        instances = 4
        os_disk {
          storage_account_type = "Standard_LRS"
        }
        """,
    )
    scaler = """
        resource "azurerm_monitor_autoscale_setting" "s" {
          target_resource_id = azurerm_linux_virtual_machine_scale_set.x.id
          profile {
            capacity {
              default = 4
              minimum = 3
              maximum = 9
            }
          }
          profile {
            capacity {
              default = 1
              minimum = 1
              maximum = 12
            }
          }
        }
    """
    found = read(tmp_path, text + textwrap.dedent(scaler))
    assert "{min: 1, max: 12, desired: 4}" in found.text
    assert "its 2 profiles together" in notes(found)


def test_a_scaler_without_profiles_bounds_nothing(tmp_path: Path) -> None:
    scaler = """
        resource "azurerm_monitor_autoscale_setting" "s" {
          target_resource_id = azurerm_linux_virtual_machine_scale_set.x.id
        }
    """
    sets = azure("linux_virtual_machine_scale_set", 'sku = "Standard_D2s_v5"\ninstances = 4')
    assert "instances: 4" in read(tmp_path, sets + textwrap.dedent(scaler)).text


def test_a_pool_of_another_region_is_priced_there(tmp_path: Path) -> None:
    text = """
        resource "google_container_cluster" "here" {
          location         = "us-central1"
          enable_autopilot = true
        }
        resource "google_container_node_pool" "there" {
          cluster    = data.google_container_cluster.other.name
          location   = "europe-west1-b"
          node_count = 2
        }
    """
    regions = {line.meter.region for line in priced(tmp_path, text).lines if "e2" in line.meter.sku}
    assert regions == {"europe-west1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (instance('enable_magic = true\nboot_disk {\n  source = "x"\n}'), "enable_magic is true"),
        (instance('boot_disk {\n  source = "x"\n}', "x9-mega-1"), "the catalog has no x9-mega-1"),
        (azure("managed_disk", 'storage_account_type = "Premium_LRS"'), "the size of a disk is unknown"),
        (
            'resource "google_sql_database_instance" "d" {\n  database_version = "SQLSERVER_2019_WEB"\n}',
            "capplan does not know Cloud SQL for SQLSERVER_2019_WEB",
        ),
        ('resource "google_compute_disk" "d" {\n  zone = "us-central1-a"\n  size = var.s\n}', "size"),
        (
            instance('boot_disk {\n  initialize_params { image = "windows-cloud/windows-2022" }\n}'),
            "the licence of its image has no price here",
        ),
        (azure("lb", 'sku = "Gateway"'), "the catalog has no load balancer Gateway"),
        (azure("public_ip", 'ddos_protection_mode = "Enabled"'), "protection against DDoS"),
        (
            azure("managed_disk", 'storage_account_type = "Premium_LRS"\ndisk_size_gb = 256\nmax_shares = 2'),
            "max_shares is 2",
        ),
        (
            azure("postgresql_flexible_server", 'sku_name = "B_Standard_B1ms"\nstorage_tier = "P30"'),
            "its storage tier P30 has a price of its own",
        ),
        (azure("nat_gateway", "").replace("East US", "Moon West"), "no region moonwest of azure"),
        (instance('scheduling {\n  node_affinities {\n    key = "k"\n  }\n}'), "runs on a dedicated host"),
        (instance("scheduling {\n  max_run_duration {\n    seconds = 9\n  }\n}"), "max_run_duration is set"),
        (
            instance('scheduling {\n  provisioning_model = "FLEX_START"\n}'),
            "its provisioning model FLEX_START has no price here",
        ),
        *(
            (pool(body), said)
            for body, said in (
                ("sole_tenant_config {}", "runs on a dedicated host"),
                ("flex_start = true", "at a price of their own"),
                (
                    "confidential_nodes {\n  enabled = true\n}",
                    "node_config.confidential_nodes.enabled is true, which may cost money",
                ),
                ('secondary_boot_disks {\n  disk_image = "i"\n}', "secondary_boot_disks is set"),
            )
        ),
        (
            'resource "google_compute_resource_policy" "p" {\n  instance_schedule_policy {\n x = 1\n}\n}',
            "instance_schedule_policy is set",
        ),
        (
            azure("linux_virtual_machine", 'size = "Standard_D2s_v5"\ndedicated_host_id = "/hosts/h"'),
            "runs on a dedicated host",
        ),
        (
            azure(
                "linux_virtual_machine",
                'size = "Standard_D2s_v5"\nadditional_capabilities {\n  ultra_ssd_enabled = true\n}',
            ),
            "additional_capabilities.ultra_ssd_enabled is true",
        ),
        (
            azure("kubernetes_cluster_node_pool", 'vm_size = "Standard_D2s_v5"\nhost_group_id = "/groups/g"'),
            "runs on a dedicated host",
        ),
        (
            azure("container_app_environment", 'workload_profile {\n  name = "D4"\n  minimum_count = 1\n}'),
            "workload_profile.minimum_count is 1",
        ),
        (azure("eventhub", "capture_description {\n  enabled = true\n}"), "capture_description is set"),
        (
            'resource "google_compute_backend_bucket" "b" {\n  enable_cdn = true\n}',
            "enable_cdn is true, which may cost money",
        ),
        (
            azure(
                "service_plan", 'os_type = "Linux"\nsku_name = "P1v3"\napp_service_environment_id = "/ase"'
            ),
            "ase",
        ),
        (pool('disk_type = "hyperdisk-balanced"'), "its boot disks are priced as those that GKE gives"),
        (
            (
                'resource "google_sql_database_instance" "d" {\n  region = "us-central1"\n'
                '  database_version = "POSTGRES_12"\n  settings {\n tier = "db-custom-2-7680"\n}\n}'
            ),
            "POSTGRES_12 is past standard support",
        ),
        ('resource "azurerm_quantum_computer" "q" {}', "does not know the type azurerm_quantum_computer"),
    ],
)
def test_what_has_no_price_is_named(text: str, said: str, tmp_path: Path) -> None:
    assert said in notes(read(tmp_path, text))
