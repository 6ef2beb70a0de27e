"""What a fleet commits to: the plans of each billing account together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capplan.catalog.catalog import Catalog
from capplan.decide.committing import CommitmentTerms, Committing, committing
from capplan.errors import InputError
from capplan.fleet.members import FleetOptions
from capplan.fleet.run import PlanFleet
from capplan.fleet.sources import plan_of
from capplan.report.blocks import Block, Lines, Report
from capplan.report.committing import committing_blocks, committing_document
from capplan.report.json_format import SCHEMA_VERSION


def commitments_report(asked: FleetOptions, found: PlanFleet) -> Report:
    """Return what to commit to for the plans of each account, and what is left out because it is broken."""
    catalog, terms = Catalog(asked.catalogs), CommitmentTerms(asked.today)
    accounts: dict[str, list[str]] = {}
    left_out = [f"{name}: {member.trouble}" for name, member in found.members.items() if member.trouble]
    for member in (member for member in found.members.values() if not member.trouble):
        accounts.setdefault(member.owner.account, []).append(member.source)
    by_account: dict[str, Committing] = {}
    for account, sources in accounts.items():
        try:
            by_account[account] = committing([plan_of(s, asked.books) for s in sources], catalog, terms)
        except InputError as error:
            left_out.append(f"{account or 'no account'}: {error}")
    return Report(partial(_blocks, by_account, left_out), partial(_document, by_account, left_out))


def _blocks(by_account: Mapping[str, Committing], left_out: Sequence[str]) -> Iterator[Block]:
    for account, found in by_account.items():
        yield from committing_blocks(found, account and f"account {account}, ")
    yield Lines([f"Left out: {reason}" for reason in left_out])


def _document(by_account: Mapping[str, Committing], left_out: Sequence[str]) -> dict[str, Any]:
    accounts = {account: committing_document(found) for account, found in by_account.items()}
    return {"schema_version": SCHEMA_VERSION, "accounts": accounts, "left_out": list(left_out)}
