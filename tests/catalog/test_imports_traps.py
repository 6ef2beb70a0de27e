"""Traps of providers' lists: rows that look like an ordinary price and are another's, or another day's."""

from datetime import date

import pytest
from catalog import price_lists as lists

from capplan.catalog.catalog import Catalog
from capplan.cli.price_lists import Import, selection_of
from capplan.errors import InputError

DAY = date(2026, 11, 1)


@pytest.fixture
def imported(tmp_path):
    """Return a function that imports texts, or values as JSON, and writes the catalogs."""
    import json

    def run(provider, *contents, day=DAY):
        paths = []
        for index, content in enumerate(contents):
            paths.append(tmp_path / f"list-{index}")
            paths[-1].write_text(
                content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
            )
        work = Import(provider, selection_of([]), tmp_path / "own", None, day)
        work.read(paths)
        for path, text in work.texts().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return work

    return run


def prices(work, service, rate="on_demand"):
    """Return what was taken of a service, by SKU and region."""
    return {
        (sku, region): blocks[0.0]
        for (of, sku), entry in work.collection.entries.items()
        for (paid, region), blocks in entry.prices.items()
        if of == service and paid == rate and 0.0 in blocks
    }


PARIS = "eu-west-3"


@pytest.mark.parametrize("prefix", ["EUW3-", "EU-", "APN1-", "eu-west-3-", ""])
def test_the_name_of_a_region_before_a_usage_is_none_of_it(imported, prefix):
    row = lists.aws_row("X", "1.0", "Keys", usageType=f"{prefix}KMS-Keys")
    assert prices(imported("aws", lists.aws_csv("awskms", row)), "kms") == {("key", PARIS): 1.0}


def test_the_infrequent_access_class_of_dynamodb_is_another_product(imported):
    rows = [
        lists.aws_row("X", usd, unit, usageType=f"EUW3-{usage}")
        for usage, unit, usd in (
            ("ReadRequestUnits", "ReadRequestUnits", "0.00000013"),
            ("IA-ReadRequestUnits", "ReadRequestUnits", "0.00000016"),
            ("IA-TimedStorage-ByteHrs", "GB-Mo", "0.1"),
        )
    ]
    work = imported("aws", lists.aws_csv("AmazonDynamoDB", *rows))
    assert prices(work, "dynamodb") == {("on-demand-read", PARIS): 1.3e-7}


def test_data_is_transferred_from_a_region(imported):
    columns = (*(c for c in lists.HEAD if not c.startswith(("Region", "Location"))), "From Region Code")
    row = lists.aws_row("DataTransfer-Regional-Bytes", "0.01", "GB", From_Region_Code=PARIS)
    work = imported("aws", lists.aws_csv("AWSDataTransfer", row, columns=columns))
    assert prices(work, "data-transfer") == {("cross-zone", PARIS): 0.01}


def test_memory_of_fargate_is_metered_in_hours(imported):
    rows = [
        lists.aws_row(usage, usd, "hours")
        for usage, usd in (("Fargate-vCPU-Hours:perCPU", "0.05"), ("Fargate-GB-Hours", "0.005"))
    ]
    work = imported("aws", lists.aws_csv("AmazonECS", *rows))
    assert prices(work, "fargate") == {("linux-x86-vcpu", PARIS): 0.05, ("linux-x86-ram", PARIS): 0.005}


def test_storage_of_aurora_is_that_of_both_engines_and_of_no_other(imported):
    rows = [
        lists.aws_row(usage, usd, "GB-Mo", Database_Engine="Any")
        for usage, usd in (("Aurora:StorageUsage", "0.11"), ("RDS:ChargedBackupUsage", "0.1"))
    ]
    work = imported("aws", lists.aws_csv("AmazonRDS", *rows))
    for service in ("aurora-postgres", "aurora-mysql"):
        assert prices(work, service) == {("storage-standard", PARIS): 0.11}
    for service in ("rds-postgres", "rds-mysql", "rds-mariadb"):
        assert prices(work, service) == {("backup", PARIS): 0.1}


@pytest.mark.parametrize("column", ["Operating System", "Tenancy"])
def test_a_list_of_machines_without_what_tells_them_apart_is_refused(imported, column):
    columns = tuple(name for name in lists.HEAD if name != column)
    with pytest.raises(InputError, match=column.replace(" ", "").lower()):
        imported("aws", lists.aws_csv("AmazonEC2", lists.machine("m9x.xlarge", 0.21), columns=columns))


def test_what_is_free_stays_where_a_list_has_more_blocks(imported):
    rows = [
        lists.aws_row("Requests-RBP", usd, "Requests", StartingRange=start)
        for start, usd in (("0", "4e-7"), ("100000000000", "3e-7"), ("200000000000", "2e-7"))
    ]
    work = imported("aws", lists.aws_csv("AWSQueueService", *rows))
    blocks = Catalog(work.directory).tariff("aws", "sqs", "standard-request", PARIS, "on_demand")
    assert [(block.start, block.price.usd) for block in blocks] == [
        (0, 0),
        (1e6, 4e-7),
        (1e11, 3e-7),
        (2e11, 2e-7),
    ]


def plan(kind, usd, **length):
    """Return a Savings Plan of one kind for one machine."""
    rate = {
        "discountedSku": "A",
        "discountedUsageType": "EUW3-BoxUsage:m9x.xlarge",
        "discountedOperation": "RunInstances",
        "discountedRegionCode": PARIS,
        "discountedRate": {"price": usd, "currency": length.pop("currency", "USD")},
    }
    product = {"sku": kind, "productFamily": kind, "attributes": {"purchaseOption": "No Upfront"}}
    length = {"duration": 1, "unit": "year", **length}
    return product, {"sku": kind, "leaseContractLength": length, "rates": [rate]}


def plans(*pairs):
    products, terms = zip(*pairs, strict=True)
    return {
        "products": list(products),
        "terms": {"savingsPlan": list(terms)},
        "publicationDate": "2026-10-01",
    }


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_savings_plans_that_of_the_family_is_taken(imported, order):
    pairs = [plan("ComputeSavingsPlans", "0.17"), plan("EC2InstanceSavingsPlans", "0.15")][::order]
    work = imported("aws", plans(*pairs))
    assert prices(work, "ec2", "commit_1y") == {("m9x.xlarge", PARIS): 0.15}
    assert work.collection.left_out == {"a commitment of a kind that is not taken beside another": 1}


def test_a_savings_plan_in_months_has_its_years(imported):
    work = imported("aws", plans(plan("ComputeSavingsPlans", "0.1", duration=36, unit="month")))
    assert prices(work, "ec2", "commit_3y") == {("m9x.xlarge", PARIS): 0.1}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"currency": "CNY"}, "currency CNY"),
        ({"unit": "month"}, "a Savings Plan of another term than one or three years"),
    ],
)
def test_a_savings_plan_in_other_money_or_of_another_term_is_left_out(imported, more, why):
    work = imported(
        "aws", plans(plan("ComputeSavingsPlans", "0.1", **more), plan("ComputeSavingsPlans", "0.2"))
    )
    assert prices(work, "ec2", "commit_1y") == {("m9x.xlarge", PARIS): 0.2}
    assert work.collection.left_out == {why: 1}


@pytest.mark.parametrize("order", [1, -1])
def test_a_reservation_of_azure_is_taken_beside_a_savings_plan(imported, order):
    rows = [
        lists.vm(0.2, savingsPlan=[{"retailPrice": 0.15, "term": "1 Year"}]),
        lists.vm(876, type="Reservation", reservationTerm="1 Year"),
    ][::order]
    work = imported("azure", {"Items": rows})
    assert prices(work, "virtual-machines", "commit_1y") == {("Standard_D4x_v9", "francecentral"): 0.1}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"effectiveStartDate": "2027-06-01T00:00:00Z"}, "a price that begins later"),
        ({"effectiveEndDate": "2026-06-01T00:00:00Z"}, "a price that has ended"),
    ],
)
def test_azure_prices_of_another_day_are_left_out(imported, more, why):
    work = imported("azure", {"Items": [lists.vm(0.2), lists.vm(0.3, **more)]})
    assert prices(work, "virtual-machines") == {("Standard_D4x_v9", "francecentral"): 0.2}
    assert work.collection.left_out == {why: 1}


def core(what, usd, **more):
    return lists.gcp_sku("Compute Engine", "CPU", f"{what} running in Paris", "h", (0, usd), **more)


RAM = lists.gcp_sku("Compute Engine", "RAM", "N2 Instance Ram running in Paris", "GiBy.h", (0, 0.004))


@pytest.mark.parametrize(
    "apart",
    ["N2 Custom Instance Core", "N2 Instance Core (DWS Defined Duration)", "N2 Sole Tenancy Instance Core"],
)
@pytest.mark.parametrize("order", [1, -1])
def test_cores_that_are_sold_in_another_way_are_no_machines(imported, apart, order):
    cores = [core("N2 Instance Core", 0.03), core(apart, 0.02)][::order]
    work = imported("gcp", {"skus": [*cores, RAM]})
    found = prices(work, "compute-engine")["n2-standard-4", "europe-west9"]
    assert found == pytest.approx(4 * 0.03 + 16 * 0.004)


def test_machines_do_not_follow_from_what_has_two_prices(imported):
    cores = [core("N2 Instance Core", 0.03), core("N2 Instance Core", 0.02)]
    work = imported("gcp", {"skus": [*cores, RAM]})
    assert ("compute-engine", "n2-standard-4") not in work.collection.entries


@pytest.mark.parametrize(
    ("said", "sku"),
    [
        ("N2 Cpu in Paris for 1 Year", "n2-predefined-vcpu"),
        ("N2D AMD Cpu in Paris for 1 Year", "n2d-predefined-vcpu"),
        ("N2 Ram in Paris for 1 Year", "n2-predefined-ram"),
        ("Cpu in Paris for 1 Year", "n1-predefined-vcpu"),
        ("Compute optimized Core in Paris for 1 Year", "c2-predefined-vcpu"),
    ],
)
def test_commitments_of_google_are_those_of_a_series(imported, said, sku):
    unit = "h" if "Ram" not in said else "GiBy.h"
    row = lists.gcp_sku("Compute Engine", "CPU", f"Commitment v1: {said}", unit, (0, 0.02), usage="Commit1Yr")
    work = imported("gcp", {"skus": [row]})
    assert prices(work, "compute-engine-unit", "commit_1y")[sku, "europe-west9"] == 0.02


def test_other_money_without_a_rate_is_no_dollars(imported):
    rows = [core("N2 Instance Core", 0.03), core("E2 Instance Core", 0.02, currency="EUR", rate="1")]
    work = imported("gcp", {"skus": rows})
    assert set(prices(work, "compute-engine-unit")) == {
        ("n2-predefined-vcpu", region) for region in ("europe-west9", "europe-west12")
    }
    assert work.collection.left_out == {"currency EUR without its rate": 1}


def test_of_googles_prices_the_one_that_holds_is_taken(imported):
    row, later = core("N2 Instance Core", 0.03), core("N2 Instance Core", 0.09)
    (info,) = later["pricingInfo"]
    row["pricingInfo"].append({**info, "effectiveTime": "2027-01-01T00:00:00Z"})
    only = core("E2 Instance Core", 0.02)
    only["pricingInfo"][0]["effectiveTime"] = "2027-01-01T00:00:00Z"
    work = imported("gcp", {"skus": [row, only]})
    assert set(prices(work, "compute-engine-unit").values()) == {0.03}
    assert work.collection.left_out == {"a price that begins later": 1}


def test_a_tebibyte_is_many_gibibytes(imported):
    row = lists.gcp_sku("Pub/Sub", "T", "Message Delivery Basic", "TiBy", (0, 0), (0.25, 40.96))
    work = imported("gcp", {"skus": [row]})
    (entry,) = work.collection.entries.values()
    assert entry.prices["on_demand", "europe-west9"] == {0.0: 0.0, 256.0: 0.04}


def test_a_list_of_a_day_to_come_is_refused(imported):
    with pytest.raises(InputError, match="2026-09-04, a day that is to come"):
        imported("aws", lists.EC2, day=date(2026, 9, 3))


SHEET = "ProviderName,ServiceName,SkuId,RegionId,ListUnitPrice,PricingUnit,ChargeCategory,BillingCurrency"


def sheet(*lines):
    return "\n".join([SHEET, *lines]) + "\n"


def test_each_row_of_focus_is_the_price_of_its_own_block(imported):
    work = imported(
        "aws",
        sheet(
            "AWS,x,aws/egress-internet/first-10TB,eu-west-3,0.09,GiB,Usage,USD",
            "AWS,x,aws/egress-internet/next-40TB,eu-west-3,0.085,GiB,Usage,USD",
        ),
    )
    assert {c.after for c in _changes(work)} <= {0.09, 0.085}
    blocks = Catalog(work.directory).tariff("aws", "egress-internet", "internet", PARIS, "on_demand")
    assert [(b.start, b.price.usd) for b in blocks][:3] == [(0, 0), (100, 0.09), (10240, 0.085)]


def _changes(work):
    from capplan.catalog.imports.difference import difference

    return difference(work._files(), work.below).changes


def test_rows_of_focus_that_price_no_use_are_left_out(imported):
    work = imported(
        "aws",
        sheet(
            "AWS,x,aws/ec2/m9x.xlarge,eu-west-3,0.21,hour,Usage,USD",
            "AWS,x,aws/ec2/m9y.xlarge,eu-west-3,1000,hour,Purchase,USD",
            "AWS,x,,eu-west-3,0.3,hour,Usage,USD",
            "AWS,x,aws/ec2/m9z.xlarge,eu-west-3,NULL,hour,Usage,USD",
            "AWS,x,aws/../m9q.xlarge,eu-west-3,1,Hours,Usage,USD",
        ),
    )
    assert prices(work, "ec2") == {("m9x.xlarge", PARIS): 0.21}
    assert {service for service, _ in work.collection.entries} == {"ec2", "x"}
    assert set(work.written.texts) == {"aws/ec2.yaml", "aws/x.yaml"}


def test_a_focus_sheet_without_a_currency_is_refused(imported):
    text = sheet("AWS,x,aws/ec2/m9x.xlarge,eu-west-3,0.21,hour,Usage,USD").replace(
        ",BillingCurrency", ",Money"
    )
    with pytest.raises(InputError, match="no column 'BillingCurrency'"):
        imported("aws", text)


def requests_of(*blocks):
    """Return an offer of SQS with these blocks: where each starts, and its price."""
    rows = [lists.aws_row("Requests-RBP", usd, "Requests", StartingRange=start) for start, usd in blocks]
    return lists.aws_csv("AWSQueueService", *rows)


@pytest.mark.parametrize(
    ("before", "after", "blocks"),
    [
        ([(0, 4e-7), (100, 3e-7)], [(0, 5e-7)], [(0, 0), (1e6, 5e-7)]),
        ([(0, 4e-7), (5e10, 3e-7)], [(0, 4e-7), (2e11, 2e-7)], [(0, 0), (1e6, 4e-7), (2e11, 2e-7)]),
        ([(0, 5e-7)], [(0, 4e-7), (2e11, 2e-7)], [(0, 0), (1e6, 4e-7), (2e11, 2e-7)]),
    ],
)
def test_a_later_list_replaces_the_tariff_of_an_earlier_one_as_a_whole(imported, before, after, blocks):
    imported("aws", requests_of(*before))
    work = imported("aws", requests_of(*after))
    found = Catalog(work.directory).tariff("aws", "sqs", "standard-request", PARIS, "on_demand")
    assert [(block.start, block.price.usd) for block in found] == blocks


def test_a_reservation_of_a_disk_is_paid_by_the_month(imported):
    disk = ("Storage", "Premium SSD Managed Disks", "P30 LRS", "P30 LRS Disk")
    rows = [
        lists.azure_row(*disk, 150, unitOfMeasure="1/Month"),
        lists.azure_row(*disk, 1692, unitOfMeasure="1/Month", type="Reservation", reservationTerm="1 Year"),
        lists.azure_row(
            *("Storage", "General Block Blob v2", "Hot LRS", "Hot LRS Data Stored", 20_000),
            unitOfMeasure="100 TB/Month",
            type="Reservation",
            reservationTerm="1 Year",
        ),
    ]
    work = imported("azure", {"Items": rows})
    assert prices(work, "managed-disk", "commit_1y") == {("P30-LRS-1024GiB", "francecentral"): 141}
    assert ("blob-storage", "hot-lrs") not in work.collection.entries


@pytest.mark.parametrize(
    ("constraint", "usd"),
    [
        ({"type": "start_date", "start_date": "2026-06-01"}, 9e-6),
        ({"type": "start_date", "start_date": "2027-06-01"}, 1e-6),
        ({"type": "time_of_date", "start_time": "00:30:00Z"}, 1e-6),
    ],
)
def test_a_models_price_is_the_one_that_holds(imported, constraint, usd):
    dated = [{"prices": {"input_mtok": 1}}, {"constraint": constraint, "prices": {"input_mtok": 9}}]
    work = imported("gcp", [{"id": "google", "models": [{"id": "gemini-9", "prices": dated}]}])
    assert prices(work, "gemini-api") == {("gemini-9-input", "global"): pytest.approx(usd)}


def test_machines_of_google_may_be_selected_by_their_own_name(tmp_path):
    import json

    path = tmp_path / "skus.json"
    path.write_text(json.dumps({"skus": [core("N2 Instance Core", 0.03), RAM]}))
    work = Import("gcp", selection_of(["service=compute-engine"]), tmp_path / "own", None, DAY)
    work.read([path])
    assert ("compute-engine", "n2-standard-4") in work.collection.entries


@pytest.mark.parametrize("start", ["many", -5, None])
def test_a_block_that_starts_nowhere_is_refused(imported, start):
    row = lists.azure_row("Functions", "Functions", "Standard", "Standard Total Executions", 1)
    with pytest.raises(InputError, match="tierMinimumUnits"):
        imported("azure", {"Items": [{**row, "unitOfMeasure": "10", "tierMinimumUnits": start}]})


def test_regions_that_are_no_list_are_refused(imported):
    with pytest.raises(InputError, match="serviceRegions is no list"):
        imported("gcp", {"skus": [core("N2 Instance Core", 0.03) | {"serviceRegions": "europe-west9"}]})


def test_a_name_of_endless_length_is_none(imported):
    work = imported(
        "aws", lists.aws_csv("AmazonEC2", *(lists.machine(n, 0.2) for n in ("m9x.large", "x" * 201)))
    )
    assert prices(work, "ec2") == {("m9x.large", PARIS): 0.2}
