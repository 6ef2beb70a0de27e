"""What the columns of each provider's bill mean, and what kind of charge a row is: one table an export.

Titles are in plain letters: `lineItem/UsageType`, `line_item_usage_type` and `Line Item Usage Type` are one.
Sources: docs.aws.amazon.com/cur (line item details, amortised cost), focus.finops.org (1.0 to 1.2),
learn.microsoft.com/azure/cost-management-billing (cost details fields), cloud.google.com/billing/docs
(export to BigQuery, credits), docs.oracle.com (cost and usage reports).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

USED = frozenset(("usage", "covered", "marketplace"))
"""Kinds with a quantity that was used; covered: under a commitment."""

COMPARED = USED | {"discount"}
"""Kinds that are compared with an estimate; a discount has no quantity of its own. All others stand apart."""


class KindRule(NamedTuple):
    """A row is of this kind if the whole cell in the column, in small letters, matches the pattern.

    A fee is that of a commitment or a subscription. A negation takes off the list price of covered usage,
    which its amortised cost has already done.
    """

    kind: str
    column: str
    pattern: str


class Export(NamedTuple):
    """Where an export holds what; of several columns the first that is there.

    last: columns of the last day of a charge, where none says when it ends. grouped: figures have commas
    between thousands. period: of the invoice, where it is not that of the usage, and until: its last day,
    which may show the order of day and month. kinds: the first rule that holds; rows of a total are left out.
    amortised: columns that add up to what covered usage costs; unused: those that add up to what a fee paid
    for and nobody used, those with a minus taken off. Without them, `cost` is amortised or billed as it is.
    listed, billed: costs beside `cost`. words: columns
    that say how a machine is bought, licensed and run. labels: the one that may name a machine.
    blocks: quantities count the unit's own number, such as 100 hours. usd: costs in dollars whatever the
    currency. per_usd: how much of the currency a dollar is, where the column ``priced_in`` says USD.
    tags: columns that hold all tags; tag_prefixes: how the name of a column for one tag begins.
    """

    name: str
    service: str
    sku: Sequence[str]
    unit: Sequence[str]
    quantity: Sequence[str]
    cost: Sequence[str]
    start: Sequence[str]
    end: Sequence[str]
    period: Sequence[str]
    currency: Sequence[str]
    kinds: Sequence[KindRule]
    amortised: Sequence[str] = ()
    unused: Sequence[str] = ()
    credits: str = ""
    listed: Sequence[str] = ()
    billed: Sequence[str] = ()
    words: Sequence[str] = ()
    labels: str = ""
    blocks: bool = True
    usd: Sequence[str] = ()
    per_usd: Sequence[str] = ()
    last: Sequence[str] = ()
    grouped: bool = False
    until: str = ""
    priced_in: str = ""
    account: Sequence[str] = ()
    region: Sequence[str] = ()
    tags: Sequence[str] = ()
    tag_prefixes: Sequence[str] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is read whatever is asked."""
        names = (*self.sku, *self.unit, *self.start, *self.end, *self.last, *self.period, *self.currency)
        rules = (*self.words, *self.per_usd, *(rule.column for rule in self.kinds))
        single = (self.service, self.credits, self.labels, self.priced_in, self.until)
        return frozenset((*names, *rules, *single, *self.figures)) - {""}

    @property
    def figures(self) -> frozenset[str]:
        """The columns that hold figures, which can be summed."""
        parts = (self.quantity, self.cost, self.amortised, self.unused, self.listed, self.billed, self.usd)
        return frozenset(name.lstrip("-") for part in parts for name in part)

    def lacking(self, there: Sequence[str]) -> Sequence[str]:
        """Return the columns without which nothing can be compared, of several the first."""
        needed = ((self.service,), self.sku, self.quantity, self.cost, self.start)
        return [names[0] for names in needed if not any(name in there for name in names)]


DISCOUNT = r".*(?:discount|offset|benefit|margin|free.tier).*"
"""Types of Google's credits that belong to the price of what was used; all others are credits."""

_FOCUS = Export(
    name="FOCUS",
    service="servicename",
    sku=("skuid", "chargedescription", "skumeter", "xusagetype", "xservicecode"),
    unit=("pricingunit", "consumedunit"),
    quantity=("pricingquantity", "consumedquantity"),
    cost=("effectivecost", "billedcost"),
    start=("chargeperiodstart", "billingperiodstart"),
    end=("chargeperiodend",),
    period=("billingperiodstart",),
    currency=("billingcurrency",),
    billed=("billedcost",),
    listed=("listcost",),
    words=("pricingcategory", "xoperation", "capacityreservationstatus"),
    usd=("xeffectivecostinusd",),
    per_usd=("xbillingexchangerate",),
    priced_in="pricingcurrency",
    account=("subaccountid", "subaccountname", "billingaccountid"),
    region=("regionid", "regionname", "region"),
    tags=("tags",),
    kinds=(
        KindRule("tax", "chargecategory", "tax"),
        KindRule("unused commitment", "commitmentdiscountstatus", "unused"),
        KindRule("refund", "chargeclass", "correction"),
        KindRule("support", "servicename", r".*\bsupport\b.*"),
        KindRule("fee", "chargecategory", "purchase"),
        KindRule("discount", "chargedescription", r".*\bsustained.use discount\b.*"),
        KindRule("credit", "chargecategory", "credit"),
        KindRule("adjustment", "chargecategory", "adjustment"),
        KindRule("covered", "commitmentdiscountstatus", "used"),
    ),
)

_AWS = Export(
    name="AWS's Cost and Usage Report",
    service="lineitemproductcode",
    sku=("lineitemusagetype",),
    unit=("pricingunit",),
    quantity=("lineitemusageamount",),
    cost=("lineitemunblendedcost",),
    start=("lineitemusagestartdate",),
    end=("lineitemusageenddate",),
    period=("billbillingperiodstartdate",),
    currency=("lineitemcurrencycode",),
    kinds=(
        KindRule("tax", "lineitemlineitemtype", "tax"),
        KindRule("credit", "lineitemlineitemtype", "credit"),
        KindRule("refund", "lineitemlineitemtype", "refund"),
        KindRule("negation", "lineitemlineitemtype", "savingsplannegation"),
        KindRule("discount", "lineitemlineitemtype", ".*discount"),
        KindRule("support", "lineitemproductcode", "(?:aws|oc).*support.*"),
        KindRule("marketplace", "billbillingentity", "aws ?marketplace"),
        KindRule("marketplace", "lineitemproductcode", ".*marketplace"),
        KindRule("fee", "lineitemlineitemtype", "(?:ri|savingsplan(?:recurring|upfront))?fee"),
        KindRule("covered", "lineitemlineitemtype", "discountedusage|savingsplancoveredusage"),
    ),
    words=(
        *("lineitemoperation", "lineitemlineitemdescription", "productoperatingsystem", "producttenancy"),
        *("productdeploymentoption", "productdatabaseengine", "productcacheengine"),
    ),
    amortised=("reservationeffectivecost", "savingsplansavingsplaneffectivecost"),
    listed=("pricingpublicondemandcost",),
    account=("lineitemusageaccountid", "lineitemusageaccountname"),
    region=("productregioncode", "productregion"),
    tags=("resourcetags",),
    tag_prefixes=("resourcetagsuser", "resourcetags"),
    unused=(
        *("reservationunusedamortizedupfrontfeeforbillingperiod", "reservationunusedrecurringfee"),
        *("savingsplantotalcommitmenttodate", "-savingsplanusedcommitment"),
    ),
)

_GOOGLE = Export(
    name="Google Cloud's billing export",
    service="servicedescription",
    sku=("skuid", "skudescription"),
    unit=("usagepricingunit", "usageunit"),
    quantity=("usageamountinpricingunits", "usageamount"),
    cost=("cost",),
    start=("usagestarttime", "usagestartdate"),
    end=("usageendtime",),
    last=("usageenddate",),
    period=("invoicemonth", "invoicedate"),
    currency=("currency",),
    kinds=(
        KindRule("total", "costtype", ".*total"),
        KindRule("tax", "costtype", "tax"),
        KindRule("adjustment", "costtype", "adjustment|rounding.?error"),
        KindRule("support", "servicedescription", r".*\bsupport\b.*"),
        KindRule("discount", "credittype", DISCOUNT),
        KindRule("credit", "credittype", ".+"),
        KindRule("fee", "skudescription", r"commitment\b.*"),
    ),
    credits="credits",
    grouped=True,
    listed=("costatlist",),
    labels="systemlabels",
    per_usd=("currencyconversionrate", "currencyexchangerate"),
    account=("projectid", "projectname", "projectnumber"),
    region=("locationregion", "locationlocation"),
    tags=("labels", "projectlabels", "tags"),
)

_AZURE = Export(
    name="Azure's cost details",
    service="metercategory",
    sku=("metersubcategory", "metername"),
    unit=("unitofmeasure",),
    quantity=("quantity", "usagequantity", "consumedquantity"),
    cost=("costinbillingcurrency", "pretaxcost", "cost", "extendedcost"),
    start=("date", "usagedatetime"),
    end=(),
    period=("billingperiodstartdate",),
    until="billingperiodenddate",
    currency=("billingcurrency", "billingcurrencycode", "currency"),
    words=("pricingmodel",),
    blocks=False,
    listed=("paygcostinbillingcurrency",),
    usd=("costinusd",),
    per_usd=("exchangeratepricingtobilling",),
    priced_in="pricingcurrency",
    account=("subscriptionid", "subscriptionguid", "subscriptionname"),
    region=("resourcelocation", "resourcelocationnormalized"),
    tags=("tags",),
    kinds=(
        KindRule("tax", "chargetype", "tax"),
        KindRule("refund", "chargetype", "refund"),
        KindRule("unused commitment", "chargetype", "unused ?(?:reservation|savings ?plan)"),
        KindRule("adjustment", "chargetype", "(?:rounding ?)?adjustment"),
        KindRule("credit", "chargetype", "credit"),
        KindRule("support", "metercategory", r".*\bsupport\b.*"),
        KindRule("fee", "chargetype", "purchase"),
        KindRule("marketplace", "publishertype", "marketplace"),
        KindRule("covered", "pricingmodel", "reservation|savings ?plan"),
    ),
)

_ORACLE = Export(
    name="OCI's cost report",
    service="productservice",
    sku=("costproductsku", "productdescription"),
    unit=("costbillingunitreadable", "costskuunitdescription"),
    quantity=("usagebilledquantity",),
    cost=("costmycost",),
    start=("lineitemintervalusagestart",),
    end=("lineitemintervalusageend",),
    period=(),
    currency=("costcurrencycode",),
    account=("lineitemtenantid", "productcompartmentname", "productcompartmentid"),
    region=("productregion",),
    tag_prefixes=("tags", "tagsoracletags"),
    kinds=(
        KindRule("refund", "lineitemiscorrection", "true"),
        KindRule("support", "productservice", r".*\bsupport\b.*"),
    ),
)

EXPORTS = (_FOCUS, _AWS, _GOOGLE, _AZURE, _ORACLE)
MONTH_FIRST = _AZURE
"""Microsoft documents dates as month/day/year."""
