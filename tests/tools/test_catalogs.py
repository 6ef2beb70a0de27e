"""The builder of price tables: small raw files in, the lines of a table out, the known traps repaired."""

import gzip
import sys

import pytest
from helpers import ROOT

from capplan.catalog.load import read_service

sys.path.insert(0, str(ROOT / "tools" / "catalogs"))
import aws
import aws_services
import azure
import azure_services
import gcp
from matrix import Matrix, number
from meters import Meter, copied, named
from raw import Raw

GO = """
	"m5.large": {
		InstanceType: "m5.large",
		VCPU:         2,
		MemoryMb:     8192,
		GPU:          0,
	},
"""
MACHINE = """\
schema: 1
provider: {provider}
service: {service}
kind: machine
unit: hour
sources:
{sources}
source: {source}
"""


def header(root, provider, service, *names, source="a"):
    """Write a catalog file with sources of these names."""
    path = root / provider / f"{service}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    sources = "\n".join(f"  {name}: {{as_of: 2026-07-01, text: {name}}}" for name in names)
    path.write_text(
        "# T\n" + MACHINE.format(provider=provider, service=service, sources=sources, source=source)
    )
    return path


def raw(root, **files):
    """Write raw files, one of them gzipped, and return what reads them."""
    for name, text in files.items():
        path = root / name.replace("__", ".")
        path.write_text(text)
    first = min(root.glob("*.csv"))
    first.with_name(first.name + ".gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()
    return Raw([root])


def rows(columns, *lines):
    return "\n".join([columns, *lines]) + "\n"


EC2 = "sku,region,usd,gpu,gpu_count,confidence,source,another"
LIBCLOUD = "apache-libcloud 3.9.1; row"


@pytest.fixture
def ec2(tmp_path):
    """Return what the builder makes of a few rows of EC2."""
    path = header(
        tmp_path, "aws", "ec2", "karpenter", "libcloud", "libcloud-alone", "family-ratio", "shared-tenancy",
        "spot", "reserved",
        source="{default: libcloud, us-east-1: karpenter, spot: spot, commit_1y: reserved}",
    )  # fmt: skip
    files = raw(
        tmp_path,
        aws_ec2__csv=rows(
            EC2,
            "m5.large,us-east-1,0.096,,0,high,aws/karpenter-provider-aws@1,",
            "m5.xlarge,us-east-1,0.192,,0,high,aws/karpenter-provider-aws@1,",
            "m5.metal,us-east-1,5.0688,,0,high,aws/karpenter-provider-aws@1,",
            f"m5.large,eu-west-1,0.107,,0,low,{LIBCLOUD},",
            "m5.large,eu-west-3,0.112,,0,high,derived: us-east-1 price (karpenter),",
            "m5.large,us-gov-west-1,0.121,,0,high,aws/karpenter-provider-aws@1,",
            "p3.2xlarge,us-east-1,3.06,V100,1,high,aws/karpenter-provider-aws@1,",
        ),
        aws_ec2_spot_savings__csv=rows(
            "sku,region,spot_saving_percent",
            "m5.large,us-east-1,66",
            "m5.large,sa-east-1,70",
            "gone.large,us-east-1,5",
        ),
        aws_ec2_ri1y_us_east_1__csv="",
        commitments__csv=rows(
            "provider,service,sku,commit_3y_discount", "aws,ec2,m5.large,0.62", "aws,rds,m5.large,0.5"
        ),
        ec2_instance_types__go=GO + GO.replace("m5.large", "m5.metal").replace("2,", "96,"),
        instance_info__jsonl="",
    )
    (tmp_path / "aws_ec2_ri1y_us-east-1.csv").write_text(rows("sku,discount", "m5.large,0.412"))
    (tmp_path / "instance-info.jsonl").write_text(
        '{"instanceType":"m5.large","defaultMaxENIs":3,"ipv4AddressesPerInterface":10}\n'
    )
    matrix = Matrix(tmp_path, "aws", "ec2")
    aws.ec2(files, matrix)
    assert matrix.write() > 0
    return read_service(path)


def test_a_machine_has_size_pods_and_prices_with_their_sources(ec2):
    large = ec2.skus["m5.large"]
    assert (large.vcpu, large.memory_gib, large.max_pods) == (2, 8, 29)
    assert {r: large.usd(r) for r in large.prices["on_demand"]} == {
        "us-east-1": 0.096,
        "eu-west-1": 0.107,
        "eu-west-3": 0.112,
    }
    texts = [large.source(r, "on_demand").text for r in ("us-east-1", "eu-west-1", "eu-west-3")]
    assert texts == ["karpenter", "libcloud-alone", "family-ratio"]


def test_savings_and_commitments_come_off_the_price(ec2):
    large = ec2.skus["m5.large"]
    assert large.usd("us-east-1", "spot") == pytest.approx(0.096 * 0.34)
    assert large.usd("eu-west-1", "spot") is None
    assert large.usd("eu-west-1", "commit_1y") == pytest.approx(0.107 * 0.588)
    assert large.usd("us-east-1", "commit_3y") == pytest.approx(0.096 * 0.38)
    assert large.source("us-east-1", "spot").text == "spot"


def test_dedicated_tenancy_is_taken_off_bare_metal(ec2):
    metal = ec2.skus["m5.metal"]
    assert metal.usd("us-east-1") == pytest.approx(4.608)
    assert metal.source("us-east-1", "on_demand").text == "shared-tenancy"


def test_a_size_that_no_list_has_is_read_from_the_name(ec2):
    assert (ec2.skus["m5.xlarge"].vcpu, ec2.skus["m5.xlarge"].memory_gib) == (4, 16)
    assert ec2.skus["p3.2xlarge"].vcpu is None
    assert ec2.skus["p3.2xlarge"].gpu == "V100-16GB"


def test_google_machines_that_are_not_sold_have_no_price(tmp_path):
    path = header(tmp_path, "gcp", "compute-engine", "a")
    columns = "sku,region,usd,spot_usd,vcpu,ram_gib,gpu,gpu_count,sud_usd,commit_1y_usd,commit_3y_usd,offered"
    files = raw(
        tmp_path,
        gcp_compute__csv=rows(
            columns,
            "a2-highgpu-1g,us-central1,3.67,1.9,12,85,A100-40GB,1,,2.3,1.28,yes",
            "a2-highgpu-1g,europe-west1,3.7,1.9,12,85,A100-40GB,1,,2.3,1.28,no",
            "f1-micro,us-central1,0.0076,0.003,0.2,0.6,,0,0.00532,0.00532,0.00532,yes",
            "custom-1-7680-ext,us-central1,0.09,,1,7.5,,0,,,,unknown",
        ),
    )
    matrix = Matrix(tmp_path, "gcp", "compute-engine")
    gcp.compute_engine(files, matrix)
    matrix.write()
    skus = read_service(path).skus
    assert set(skus) == {"a2-highgpu-1g", "f1-micro"}
    a2 = skus["a2-highgpu-1g"]
    assert (a2.usd("europe-west1"), a2.not_sold) == (None, {"europe-west1"})
    assert (a2.usd("us-central1", "commit_3y"), a2.gpu, a2.gpu_count) == (1.28, "A100-40GB", 1)
    assert skus["f1-micro"].usd("us-central1", "commit_1y") is None, "the price after sustained use"


def test_azure_rows_that_are_suspect_hosts_or_free_are_left_out(tmp_path):
    sources = ("a", "less-windows", "savings-plan", "savings-elsewhere")
    path = header(tmp_path, "azure", "virtual-machines", *sources)
    files = raw(
        tmp_path,
        azure_vm__csv=rows(
            "sku,region,usd,flag",
            "Standard_D2as_v5,eastus,0.086,windows-licence-removed",
            "Standard_E2as_v5,eastus,0.2,suspect",
            "Dasv4_Type1,eastus,5.9,",
            "Standard_L8as_v3,spaincentral,0,",
            "Standard_D4s_v7,eastus,0.2,",
            "Standard_E16-4ads_v7,eastus,1.2,",
            "Standard_NC24ads_A100_v4,eastus,3.673,",
        ),
        azure_vm_spot__csv=rows("sku,region,usd,spot_usd", "Standard_D4s_v7,eastus,0.2,0.2"),
        azure_vm_reservation__csv=rows("sku,discount_1y,discount_3y", "Standard_D4s v7,0.41,0.62"),
        azure_instance_types__go=GO.replace("m5.large", "Standard_D2as_v5")
        + GO.replace("m5.large", "Standard_E16-4ads_v7").replace(" 2,", " 16,"),
        azure_services__csv=rows(
            "service,product,sku,arm_sku,region,usd,savings_1y_usd,savings_3y_usd",
            "Virtual Machines,NC,NC24ads,Standard_NC24ads_A100_v4,eastus,3.673,2.9384,2.2038",
            "Virtual Machines,NC Windows,NC24ads,Standard_NC24ads_A100_v4,eastus,4,3.9,3.8",
            "Virtual Machines,D,D4s v7,Standard_D4s_v7,eastus,0.2,0.19,0.18",
            "Virtual Machines,D,D2as v5 Spot,Standard_D2as_v5,eastus,0.086,0.08,0.07",
        ),
    )
    matrix = Matrix(tmp_path, "azure", "virtual-machines")
    azure.virtual_machines(files, matrix)
    matrix.write()
    skus = read_service(path).skus
    assert set(skus) == {
        "Standard_D2as_v5",
        "Standard_D4s_v7",
        "Standard_E16-4ads_v7",
        "Standard_NC24ads_A100_v4",
    }
    assert skus["Standard_D2as_v5"].source("eastus", "on_demand").text == "less-windows"
    assert skus["Standard_E16-4ads_v7"].vcpu == 4, "not the sixteen of the list, which are paid for"
    d4 = skus["Standard_D4s_v7"]
    assert (d4.vcpu, d4.memory_gib, d4.usd("eastus", "spot")) == (4, 16, None)
    assert d4.usd("eastus", "commit_3y") == pytest.approx(0.076)
    assert (skus["Standard_NC24ads_A100_v4"].gpu, skus["Standard_NC24ads_A100_v4"].gpu_count) == (
        "A100-80GB",
        1,
    )
    assert skus["Standard_D2as_v5"].usd("eastus", "commit_1y") is None
    gpu = skus["Standard_NC24ads_A100_v4"]
    assert [gpu.usd("eastus", rate) for rate in ("commit_1y", "commit_3y")] == pytest.approx([2.9384, 2.2038])
    assert gpu.source("eastus", "commit_1y").text == "savings-plan"
    assert gpu.source("westus", "commit_3y").text == "savings-elsewhere"


def test_savings_plans_come_with_the_price_of_their_row(tmp_path):
    path = tmp_path / "azure" / "m.yaml"
    path.parent.mkdir()
    path.write_text("# T\nschema: 1\nprovider: azure\nservice: m\nkind: meter\nunit: hour\n")
    columns = f"{METERS},savings_1y_usd,savings_3y_usd"
    lines = (
        "m,Both,westus,,2,high,2026-08-14,list,1.6,1.2",
        "m,Same,westus,,2,high,2026-08-14,list,1.6,1.6",
        "m,Blocks,westus,,2,high,2026-08-14,list,1.6,1.2",
    )
    names = {
        "Both": Meter("both", "hour", 2),
        "Same": Meter("same", "hour"),
        "Blocks": Meter("first", "hour", tier_of="blocks", start=0.0),
    }
    matrix = Matrix(tmp_path, "azure", "m")
    copied(raw(tmp_path, m__csv=rows(columns, *lines)), matrix, "m.csv", "m", named(names))
    matrix.write()
    found = read_service(path).skus
    paid = {
        name: [sku.usd("westus", rate) for rate in ("on_demand", "commit_1y", "commit_3y")]
        for name, sku in found.items()
    }
    assert paid == {"both": [1, 0.8, 0.6], "same": [2, 1.6, None], "first": [2, None, None]}


METERS = "service,sku,region,unit,usd,confidence,as_of_date,source"


def meters(tmp_path, *lines):
    path = tmp_path / "aws" / "m.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("# T\nschema: 1\nprovider: aws\nservice: m\nkind: meter\nunit: hour\n")
    matrix = Matrix(tmp_path, "aws", "m")
    names = {"hour": Meter("hour", "hour"), "calls": Meter("call", "request", 1e4)}
    copied(
        raw(tmp_path, m__csv=rows(METERS, *lines)), matrix, "m.csv", "m", named(names), r"[a-z]+-[a-z]+-\d"
    )
    matrix.write()
    return read_service(path)


def test_meters_keep_their_sources_in_the_table(tmp_path):
    file = meters(
        tmp_path,
        "m,hour,us-east-1,USD/hour,0.5,high,2026-09,a/list@1 prices",
        "m,hour,eu-west-1,USD/hour,0.6,high,2026-09,a/list@1 prices",
        "m,hour,us-west-1,USD/hour,0.7,low,2021-07-14,a/list@1 prices",
        "m,calls,us-east-1,10K,0.05,high,undated,b/other",
        "m,unknown,us-east-1,10K,0.05,high,2026-09,b/other",
        "other,hour,us-east-1,USD/hour,9,high,2026-09,b/other",
        "m,hour,Zone 1,USD/hour,9,high,2026-09,b/other",
    )
    hour = file.skus["hour"]
    assert {r: hour.usd(r) for r in hour.prices["on_demand"]} == {
        "eu-west-1": 0.6,
        "us-east-1": 0.5,
        "us-west-1": 0.7,
    }
    assert hour.source("us-east-1", "on_demand") == ("a/list@1 prices", "2026-09-01", False)
    assert hour.source("us-west-1", "on_demand") == ("a/list@1 prices", "2021-07-14", True)
    call = file.skus["call"]
    assert (call.unit, call.usd("us-east-1"), call.source("us-east-1", "on_demand").as_of) == (
        "request",
        5e-6,
        None,
    )
    assert set(file.skus) == {"hour", "call"}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    lines = [
        "m,hour,us-east-1,USD/hour,0.5,high,2026-09,a/b",
        "m,hour,eu-west-1,USD/hour,0.6,high,2026-10,c/d",
    ]
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    assert meters(tmp_path / "x", *lines).text == meters(tmp_path / "y", *reversed(lines)).text


def test_a_missing_column_or_file_stops_with_its_name(tmp_path):
    with pytest.raises(SystemExit, match=r"m\.csv: no column as_of_date, source"):
        list(raw(tmp_path, m__csv="service,sku\n").rows("m.csv", "sku", "as_of_date", "source"))
    with pytest.raises(SystemExit, match=r"has nothing\.csv"):
        Raw([tmp_path]).text("nothing.csv")


def test_two_values_of_one_price_are_refused(tmp_path):
    header(tmp_path, "aws", "m", "a")
    matrix = Matrix(tmp_path, "aws", "m")
    matrix.add("x", "usd", "us-east-1", 1.0)
    with pytest.raises(SystemExit, match="two values of x usd in us-east-1: 1, 2"):
        matrix.add("x", "usd", "us-east-1", 2.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0.19, "0.19"), (2e-7, "0.0000002"), (96.0, "96"), (1 / 3, "0.33333333")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


RETAIL = "service,product,sku,meter,region,unit,tier_min,usd,as_of_date,source"


def retail(tmp_path, service, *lines, **files):
    """Return the file that the rows of Azure's retail prices make of a service."""
    path = tmp_path / "azure" / f"{service}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# T\nschema: 1\nprovider: azure\nservice: {service}\nkind: meter\nunit: hour\n")
    matrix = Matrix(tmp_path, "azure", service)
    azure_services.TABLES[service](raw(tmp_path, azure_services__csv=rows(RETAIL, *lines), **files), matrix)
    matrix.write()
    return read_service(path)


def test_rows_of_azure_become_meters_in_our_units(tmp_path):
    file = retail(
        tmp_path,
        "event-hubs",
        "Event Hubs,Event Hubs,Basic,Basic Ingress Events,eastus2,1M,0,0.028,2026-08-14,api",
        "Event Hubs,Event Hubs,Basic,Basic Throughput Unit,eastus2,1 Hour,0,0.015,2026-08-14,api",
        "Event Hubs,Event Hubs,Basic,Basic Throughput Unit,Zone 1,1 Hour,0,9,2026-08-14,api",
        "Event Hubs,Event Hubs,Basic,Nobody Knows,eastus2,1 Hour,0,9,2026-08-14,api",
        "Other,Event Hubs,Basic,Basic Throughput Unit,westus2,1 Hour,0,9,2026-08-14,api",
    )
    assert {name: sku.prices["on_demand"]["eastus2"] for name, sku in file.skus.items()} == {
        "basic-events": 2.8e-8,
        "basic-throughput-unit": 0.015,
    }
    assert file.regions == {"eastus", "eastus2"}


def test_east_us_costs_what_east_us_2_does_and_says_that_nothing_confirms_it(tmp_path):
    line = "Event Hubs,Event Hubs,Premium,Premium Processing Unit,{},1 Hour,0,{},2026-08-14,api"
    hubs = retail(tmp_path, "event-hubs", line.format("eastus2", 1.5), line.format("westus2", 2))
    sku = hubs.skus["premium-processing-unit"]
    assert (sku.usd("eastus"), sku.source("eastus", "on_demand").unconfirmed) == (1.5, True)
    assert not sku.source("eastus2", "on_demand").unconfirmed
    listed = retail(tmp_path, "event-hubs", line.format("eastus2", 1.5), line.format("eastus", 1.7))
    assert listed.skus["premium-processing-unit"].usd("eastus") == 1.7


def test_blocks_of_an_azure_meter_are_a_tariff(tmp_path):
    meter = "Log Analytics,Log Analytics,Analytics Logs,Analytics Logs Data Ingestion"
    line = meter + ",uksouth,1 GB,{},{},2026-08-14,api"
    file = retail(tmp_path, "log-analytics", line.format(0, 0), line.format(5, 2.5))
    assert [(b.name, b.start, b.usd("uksouth")) for b in file.blocks_of("ingestion")] == [
        ("ingestion", 5, 2.5)
    ]


def tabled(tmp_path, provider, service, fill, unit="hour", **files):
    """Return the file that ``fill`` makes of raw files."""
    path = tmp_path / provider / f"{service}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# T\nschema: 1\nprovider: {provider}\nservice: {service}\nkind: meter\nunit: {unit}\n")
    matrix = Matrix(tmp_path, provider, service)
    fill(raw(tmp_path, **files), matrix)
    matrix.write()
    return read_service(path)


def usds(file, region):
    return {name: sku.usd(region) for name, sku in file.skus.items() if sku.usd(region) is not None}


def test_cores_and_memory_follow_from_two_machines_of_a_series(tmp_path):
    lines = [
        "n2-standard-8,europe-west9,0.5,8,32,,yes",
        "n2-highmem-8,europe-west9,0.66,8,64,,yes",
        "n2-highmem-16,europe-west9,9,16,64,,yes",
        "c3-standard-8,europe-west9,0.5,8,32,,no",
        "c3-highmem-8,europe-west9,0.66,8,64,,yes",
    ]
    columns = "sku,region,usd,vcpu,ram_gib,gpu,offered"
    file = tabled(tmp_path, "gcp", "units", gcp.units, gcp_compute__csv=rows(columns, *lines))
    found = usds(file, "europe-west9")
    assert found["n2-predefined-ram"] == pytest.approx(0.005)
    assert found["n2-predefined-vcpu"] == pytest.approx((0.5 - 32 * 0.005) / 8)
    assert found["n2-custom-vcpu"] == pytest.approx(1.04945 * found["n2-predefined-vcpu"], rel=1e-6)
    assert {name.partition("-")[0] for name in found} == {"n2"}


def test_a_first_block_with_the_price_of_the_last_costs_as_the_next(tmp_path):
    lines = (
        f"egress-internet,premium-worldwide-TiB:{block},{region},USD/GiB,{usd},,high,2026-07-30,list"
        for region, usds in (("asia-northeast1", (0.08, 0.12, 0.08)), ("us-west1", (0.12, 0.11, 0.08)))
        for block, usd in zip(("0-1", "1-10", "10n"), usds, strict=True)
    )
    columns = "service,sku,region,unit,usd,spot_usd,confidence,as_of_date,source"
    fill = gcp.TABLES["egress-internet"]
    file = tabled(tmp_path, "gcp", "egress-internet", fill, "GiB", gcp_other__csv=rows(columns, *lines))
    blocks = file.blocks_of("premium-worldwide")
    assert [[block.usd(region) for block in blocks] for region in ("asia-northeast1", "us-west1")] == [
        [0.12, 0.12, 0.08],
        [0.12, 0.11, 0.08],
    ]
    assert [blocks[0].source(region, "on_demand").unconfirmed for region in file.regions] == [
        region == "asia-northeast1" for region in file.regions
    ]


def test_arm_costs_a_fifth_less_and_nothing_confirms_it(tmp_path):
    lines = [
        "fargate,linux-x86-vcpu,us-east-1,vCPU-hour,0.04,high,2026-09,offer",
        "fargate,linux-x86-vcpu,eu-west-9,vCPU-hour,0.05,high,2026-09,offer",
        "fargate,linux-arm-vcpu,us-east-1,vCPU-hour,0.0333,high,2026-09,offer",
    ]
    fill = aws_services.TABLES["fargate"]
    arm = tabled(tmp_path, "aws", "fargate", fill, aws_managed__csv=rows(METERS, *lines)).skus[
        "linux-arm-vcpu"
    ]
    assert [arm.usd(region) for region in ("us-east-1", "eu-west-9")] == [0.0333, 0.04]
    assert [arm.source(r, "on_demand").unconfirmed for r in ("us-east-1", "eu-west-9")] == [False, True]
    assert arm.unit == "vCPU-hour"


def test_what_a_page_says_of_all_regions_holds_in_all(tmp_path):
    line = "AWSKMS,KMS-Key-Month,us-east-1,month,1,,2026-10-08,seed_prices.json; us-east-1"
    lines = rows("service,sku,region,unit,usd,from_quantity,as_of_date,source", line)
    key = tabled(tmp_path, "aws", "kms", aws_services.TABLES["kms"], serverless_us__csv=lines).skus["key"]
    assert key.usd("eu-central-1") == 1
    assert "one price for all regions" in key.source("eu-central-1", "on_demand").text


def test_a_price_for_all_regions_that_no_page_names_is_not_confirmed(tmp_path):
    line = "AmazonECR,ECR-Storage,us-east-1,GB-month,0.1,,2026-10-08,seed_prices.json; us-east-1"
    lines = rows("service,sku,region,unit,usd,from_quantity,as_of_date,source", line)
    file = tabled(tmp_path, "aws", "ecr", aws_services.TABLES["ecr"], "GiB-month", serverless_us__csv=lines)
    storage = file.skus["storage"]
    assert [storage.usd(region) for region in ("us-east-1", "sa-east-1")] == [0.1, 0.1]
    unconfirmed = [storage.source(region, "on_demand").unconfirmed for region in ("us-east-1", "sa-east-1")]
    assert unconfirmed == [False, True]


def test_burstable_machines_lose_the_licence_that_some_sizes_carry(tmp_path):
    lines = [f"Standard_{sku},eastus,{usd}," for sku, usd in (
        ("B2as_v2", 0.0752), ("B4as_v2", 0.169), ("B8as_v2", 0.301),
        ("B2als_v2", 0.0376), ("B4als_v2", 0.133), ("B2ats_v2", 0.0186), ("D2as_v5", 0.086),
    )]  # fmt: skip
    header(tmp_path, "azure", "virtual-machines", "a", "less-windows-b", "less-windows")
    matrix = Matrix(tmp_path, "azure", "virtual-machines")
    columns = {"azure_vm__csv": rows("sku,region,usd,flag", *lines)}
    columns["azure_vm_spot__csv"] = "sku,region,usd,spot_usd"
    columns["azure_vm_reservation__csv"] = "sku,discount_1y,discount_3y"
    columns["azure_services__csv"] = "service,product,sku,arm_sku,region,usd,savings_1y_usd"
    azure.virtual_machines(raw(tmp_path, **columns, azure_instance_types__go=GO), matrix)
    found = {sku: matrix.price(sku, "eastus") for sku in matrix.skus}
    assert found["Standard_B4as_v2"] == pytest.approx(0.169 - 4 * 0.0046)
    assert found["Standard_B2ats_v2"] == pytest.approx(0.0186 - 2 * 0.0046)
    assert found["Standard_B2als_v2"] == 0.0376
    assert found["Standard_B8as_v2"] == 0.301
