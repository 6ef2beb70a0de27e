"""Small price lists in the providers' own forms; the prices are made up."""

import csv
import io
import json

HEAD = (
    *(
        "SKU",
        "OfferTermCode",
        "TermType",
        "EffectiveDate",
        "StartingRange",
        "EndingRange",
        "Unit",
        "PricePerUnit",
    ),
    *("Currency", "LeaseContractLength", "PurchaseOption", "OfferingClass", "Product Family", "serviceCode"),
    *(
        "Location",
        "Location Type",
        "Instance Type",
        "vCPU",
        "Memory",
        "Tenancy",
        "Operating System",
        "usageType",
    ),
    *("operation", "CapacityStatus", "Pre Installed S/W", "Database Engine", "Region Code", "Colour"),
)


def aws_row(usage: str, usd: object, unit: str = "Hrs", **more: object) -> dict[str, object]:
    """Return a row of an offer in eu-west-3; underscores stand for spaces in the names of columns."""
    given = {key.replace("_", " "): value for key, value in more.items()}
    row = {
        "TermType": "OnDemand",
        "Unit": unit,
        "PricePerUnit": usd,
        "Currency": "USD",
        "StartingRange": "0",
        "Location": "EU (Paris)",
        "Location Type": "AWS Region",
        "Region Code": "eu-west-3",
        "usageType": f"EUW3-{usage}",
    }
    return {**row, **given}


def aws_csv(offer: str, *rows: dict[str, object], columns: tuple[str, ...] = HEAD) -> str:
    """Return a bulk offer as AWS publishes it: five rows about it, and a table."""
    out = io.StringIO()
    written = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    written.writerow(["FormatVersion", "v1.0"])
    written.writerow(["Disclaimer", "This pricing list is for informational purposes only."])
    written.writerow(["Publication Date", "2026-09-04T17:27:16Z"])
    written.writerow(["Version", "20260904172716"])
    written.writerow(["OfferCode", offer])
    written.writerow(columns)
    for row in rows:
        written.writerow([{"serviceCode": offer, **row}.get(name, "") for name in columns])
    return out.getvalue()


def machine(name: str, usd: object, **more: object) -> dict[str, object]:
    """Return the row of an EC2 instance under Linux."""
    own = {
        "Operating_System": "Linux",
        "Tenancy": "Shared",
        "CapacityStatus": "Used",
        "operation": "RunInstances",
    }
    facts = {"Instance_Type": name, "vCPU": "4", "Memory": "16 GiB", "Product_Family": "Compute Instance"}
    return aws_row(f"BoxUsage:{name}", usd, **{**own, **facts, **more})


EC2 = aws_csv(
    "AmazonEC2",
    machine("m9x.xlarge", "0.2100000000", SKU="MACHINE1"),
    machine("m9x.xlarge", "0.3940000000", Operating_System="Windows"),
    machine("m9x.xlarge", "0.2310000000", Tenancy="Dedicated"),
    machine("m9x.xlarge", "0.0000000000", CapacityStatus="AllocatedCapacityReservation"),
    aws_row("EBS:VolumeUsage.gp3", "0.0930000000", "GB-Mo", Product_Family="Storage"),
    aws_row("EBS:VolumeP-Throughput.gp3", "47.1040000000", "GiBps-mo"),
    aws_row("FluxCapacitor", "88", "Jigowatts"),
)
RESERVED = {"TermType": "Reserved", "OfferingClass": "standard", "LeaseContractLength": "1yr"}
RDS = aws_csv(
    "AmazonRDS",
    aws_row(
        "InstanceUsage:db.r6g.large", "0.2640", Instance_Type="db.r6g.large", Database_Engine="PostgreSQL"
    ),
    aws_row(
        "Multi-AZUsage:db.r6g.large", "0.5290", Instance_Type="db.r6g.large", Database_Engine="PostgreSQL"
    ),
    aws_row("RDS:GP2-Storage", "0.1330", "GB-Mo", Database_Engine="PostgreSQL"),
    aws_row("InstanceUsage:db.r6g.large", "1.3", Instance_Type="db.r6g.large", Database_Engine="Oracle"),
    *(
        aws_row(
            "InstanceUsage:db.r6g.large",
            usd,
            unit,
            Instance_Type="db.r6g.large",
            Database_Engine="PostgreSQL",
            PurchaseOption="Partial Upfront",
            **RESERVED,
        )
        for usd, unit in (("0.08", "Hrs"), ("700.80", "Quantity"))
    ),
)
EGRESS = aws_csv(
    "AWSDataTransfer",
    *(
        aws_row("DataTransfer-Out-Bytes", usd, "GB", StartingRange=start)
        for start, usd in (("0", "0.10"), ("10240", "0.09"), ("51200", "0.08"), ("153600", "0.07"))
    ),
)
TRAVEL = aws_csv(
    "AmazonTimeTravel",
    aws_row("Jump-Requests", "0.0000030000", "Requests"),
    aws_row("FluxCapacitor", "1", "Jigowatts"),
)
ADVISOR = {
    "spot_advisor": {
        "eu-west-3": {"Linux": {"m9x.xlarge": {"s": 60, "r": 1}, "m9y.large": {"s": 50, "r": 0}}}
    }
}
PLANS = {
    "publicationDate": "2026-09-05T00:00:00Z",
    "products": [{"sku": "PLAN1", "attributes": {"purchaseOption": "No Upfront", "purchaseTerm": "3yr"}}],
    "terms": {
        "savingsPlan": [
            {
                "sku": "PLAN1",
                "leaseContractLength": {"duration": 3, "unit": "year"},
                "rates": [
                    {"discountedSku": "MACHINE1", "discountedRate": {"price": "0.0900", "currency": "USD"}},
                    {
                        "discountedSku": "OTHER",
                        "discountedUsageType": "EUW3-BoxUsage:m9z.large",
                        "discountedOperation": "RunInstances",
                        "discountedRegionCode": "eu-west-3",
                        "discountedRate": {"price": "0.0450", "currency": "USD"},
                    },
                ],
            }
        ]
    },
}


def offer_json() -> str:
    """Return one instance as the JSON offer has it, with the capacity block that costs nothing."""

    def product(sku: str, market: str) -> dict:
        attributes = {"instanceType": "m9x.xlarge", "vcpu": "4", "memory": "16 GiB", "tenancy": "Shared"}
        attributes |= {
            "operatingSystem": "Linux",
            "usagetype": "EUW3-BoxUsage:m9x.xlarge",
            "regionCode": "eu-west-3",
        }
        attributes |= {"marketoption": market, "locationType": "AWS Region", "operation": "RunInstances"}
        return {"sku": sku, "productFamily": "Compute Instance", "attributes": attributes}

    def term(usd: str) -> dict:
        price = {"unit": "Hrs", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
        return {"term": {"priceDimensions": {"rate": price}, "termAttributes": {}}}

    return json.dumps(
        {
            "offerCode": "AmazonEC2",
            "publicationDate": "2026-09-04T00:00:00Z",
            "products": {"A": product("A", "OnDemand"), "B": product("B", "CapacityBlock")},
            "terms": {"OnDemand": {"A": term("0.21"), "B": term("0.0")}},
        }
    )


def azure_row(
    service: str, product: str, sku: str, meter: str, usd: object, **more: object
) -> dict[str, object]:
    """Return a row of the Retail Prices API."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": usd,
        "armRegionName": "francecentral",
        "effectiveStartDate": "2026-08-01T00:00:00Z",
        "meterName": meter,
        "productName": product,
        "skuName": sku,
        "serviceName": service,
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": False,
        "armSkuName": "",
        **more,
    }


def vm(
    usd: object, product: str = "Virtual Machines Dxv9 Series", sku: str = "D4x v9", **more: object
) -> dict:
    """Return a row of a virtual machine."""
    return azure_row("Virtual Machines", product, sku, sku, usd, armSkuName="Standard_D4x_v9", **more)


AZURE = {
    "Items": [
        vm(0.2),
        vm(0.384, product="Virtual Machines Dxv9 Series Windows"),
        vm(0.05, sku="D4x v9 Spot"),
        vm(0.04, sku="D4x v9 Low Priority"),
        vm(876, type="Reservation", reservationTerm="1 Year"),
        azure_row(
            "Storage", "Premium SSD Managed Disks", "P40 LRS", "P40 LRS Disk", 250.5, unitOfMeasure="1/Month"
        ),
        azure_row("Functions", "Functions", "Standard", "Standard Total Executions", 0, unitOfMeasure="10"),
        azure_row(
            *("Functions", "Functions", "Standard", "Standard Total Executions", 2e-06),
            unitOfMeasure="10",
            tierMinimumUnits=100000,
        ),
        azure_row("Teleporter", "Teleporter", "Standard", "Standard Beam", 5, unitOfMeasure="1 Person"),
        azure_row(
            *(
                "Azure Container Apps",
                "Azure Container Apps",
                "Standard",
                "Standard vCPU Active Usage",
                3.4e-05,
            ),
            unitOfMeasure="1 Second",
            savingsPlan=[{"retailPrice": 2.9e-05, "term": "1 Year"}],
        ),
    ],
    "NextPageLink": None,
}


def gcp_sku(
    service: str, group: str, description: str, unit: str, *tiers: tuple[float, float], **more: str
) -> dict:
    """Return a SKU of the Cloud Billing Catalog; tiers: where each starts, and its price."""
    rates = [
        {
            "startUsageAmount": start,
            "unitPrice": {
                "currencyCode": more.get("currency", "USD"),
                "units": str(int(usd)),
                "nanos": round((usd - int(usd)) * 1e9),
            },
        }
        for start, usd in tiers
    ]
    return {
        "description": description,
        "category": {
            "serviceDisplayName": service,
            "resourceGroup": group,
            "usageType": more.get("usage", "OnDemand"),
        },
        "serviceRegions": ["europe-west9", "europe-west12"],
        "pricingInfo": [
            {
                "pricingExpression": {"usageUnit": unit, "tieredRates": rates},
                "currencyConversionRate": float(more.get("rate", 1)),
                "effectiveTime": "2026-08-01T00:00:00Z",
            }
        ],
    }


GCP = {
    "skus": [
        gcp_sku("Compute Engine", "CPU", "E2 Instance Core running in Paris", "h", (0, 0.025)),
        gcp_sku(
            "Compute Engine",
            "CPU",
            "Spot Preemptible E2 Instance Core running in Paris",
            "h",
            (0, 0.01),
            usage="Preemptible",
        ),
        gcp_sku(
            "Compute Engine",
            "RAM",
            "E2 Instance Ram running in Paris",
            "GiBy.h",
            (0, 50),
            currency="IDR",
            rate="15000",
        ),
        gcp_sku(
            "Cloud Run",
            "CPU",
            "Services CPU (Request-based billing) in europe-west9",
            "s",
            (0, 0),
            (180000, 3e-05),
        ),
        gcp_sku("Cloud SQL", "X", "Cloud SQL for MySQL: Zonal - vCPU in Paris", "h", (0, 0.05)),
        gcp_sku("Pub/Sub", "Throughput", "Message Delivery Basic", "GiBy", (0, 0), (10, 0.04)),
        gcp_sku("Oracle", "Oracles", "Prophecies in Paris", "prophecy", (0, 1)),
    ]
}


FOCUS = (
    "ProviderName,ServiceName,SkuId,SkuMeter,RegionId,ListUnitPrice,PricingUnit,PricingCategory,BillingCurrency\n"
    "AWS,Amazon Teleport,T1,Beam-Requests,eu-west-3,0.5,Requests,Standard,USD\n"
    "AWS,Amazon Teleport,T1,Beam-Requests,eu-west-3,0.2,Requests,Committed,USD\n"
    "AWS,ec2,aws/ec2/m9x.xlarge,,eu-west-3,0.21,hour,Standard,USD\n"
)
MODELS = [
    {
        "id": "google",
        "models": [{"id": "gemini-9", "prices": {"input_mtok": {"base": 2, "tiers": []}, "output_mtok": 8}}],
    },
    {"id": "openai", "models": []},
]
