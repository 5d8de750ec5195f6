"""What QBO would refuse of the records that documents refer to: items, clients, vendors, projects."""

from __future__ import annotations

from syncd.model.checks.parts import problem, wrong_currency, wrong_emails
from syncd.model.facts import BooksFacts, Settings
from syncd.model.observations import Problem
from syncd.model.records import Record
from syncd.model.records.lists import Client, Item, Project, Vendor
from syncd.model.spec import NAME_LIMIT
from syncd.model.values import has_control_characters, text


def unusable(record: Record, settings: Settings) -> tuple[Problem, ...]:
    """Why a record that QBO has cannot stand for one of the source, although it is the same; empty when it can. Only
    where products are made, so that each name has to lead to one that works (C-O4)."""
    if not isinstance(record, Item) or settings.missing_item != "create":
        return ()
    found = []
    if not record.booked:
        found.append(
            problem(
                "item-account",
                "name",
                f"The product {record.name} in QuickBooks has no income account; syncd does not change it.",
                "Give it an income account in QuickBooks.",
            )
        )
    if not record.active:
        found.append(
            problem(
                "item-inactive",
                "name",
                f"The product {record.name} is inactive in QuickBooks.",
                "Make it active there, or name another one for it in item_map.",
            )
        )
    return tuple(found)


def item(record: Item, settings: Settings) -> list[Problem]:
    """What stands in the way of a product that is to be made (O-22, O-3)."""
    found = _name(record.name, "item")
    if record.name in {settings.tax_item, settings.discount_item}:
        return [
            problem(
                "item-own",
                "name",
                f"The product {record.name} for tax or discounts is not in QuickBooks.",
                "Enter it there, on the account that fits.",
            )
        ]
    if settings.missing_item == "create" and not settings.default_income_account:
        found.append(
            problem(
                "income-account",
                "name",
                f"The product {record.name} is not in QuickBooks, and no income account is chosen for new ones.",
                "Set default_income_account to an income account in QuickBooks, or enter the product there.",
            )
        )
    return found


def party(record: Client | Vendor, facts: BooksFacts, settings: Settings) -> list[Problem]:
    """What is wrong with a client or a vendor."""
    noun = "client" if isinstance(record, Client) else "vendor"
    found = _name(record.name, noun)
    if settings.currency_mode == "keep":
        found += wrong_currency(record.currency, facts)
    return found + wrong_emails(record.email, "email", f"the {noun}'s")


def project(record: Project, facts: BooksFacts) -> list[Problem]:
    """A sub-customer has a name like any other, and a customer above it (entities.md 3.2)."""
    found = _name(record.name, "project") + wrong_currency(record.currency, facts)
    if not record.client:
        found.append(
            problem(
                "project-client",
                "client",
                "The project has no client, so there is no customer to put it under.",
                "Choose the project's client in the source.",
            )
        )
    return found


def _name(name: str, noun: str) -> list[Problem]:
    """entities.md 3.1: no colon, tab or line end. The length is the one both sides can hold."""
    wished = text(name)
    if not wished:
        return [problem("name-empty", "name", f"The {noun} has no name.", f"Give the {noun} a name in the source.")]
    found = []
    if ":" in name or "\t" in wished or "\n" in wished or has_control_characters(wished):
        found.append(
            problem(
                "name-characters",
                "name",
                "QuickBooks does not take a colon, a tab or a line end in a name.",
                f"Change the {noun}'s name in the source.",
            )
        )
    if len(wished) > NAME_LIMIT:
        found.append(
            problem(
                "name-length",
                "name",
                f"The {noun}'s name has {len(wished)} characters; at most {NAME_LIMIT} can be kept.",
                f"Shorten the {noun}'s name in the source.",
            )
        )
    return found
