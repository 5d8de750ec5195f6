"""What the profile billdr promises, by area, in our own words: rows B-1 to B-46 of the acceptance list."""

from __future__ import annotations

ROWS: dict[str, dict[str, str]] = {
    "Connecting": {
        "B-1": "QuickBooks Online is the only accounting system that is linked",
        "B-2": "nothing is typed twice: what the business system has goes to QuickBooks by itself, and stays current",
        "B-3": "connecting starts with one command",
        "B-4": "the browser asks for consent in QuickBooks; after that the link works without another step",
        "B-5": "connecting again is needed only after access was revoked, or for other books",
        "B-6": "the company's name is shown and asked about before the link is stored",
        "B-7": "connected in the middle of a year: a start date, and a plan before the first write",
        "B-8": "what was synced can be looked through at any time",
        "B-9": "at first, clients and customers are matched and linked",
        "B-10": "at first, suppliers and vendors are matched and linked",
        "B-11": "at first, cost codes and accounts are matched and linked",
        "B-12": "disconnecting and connecting again is harmless",
    },
    "Errors": {
        "B-13": "a record that could not be synced is marked, with the reason in words",
        "B-14": "a number that QuickBooks has already is a conflict with a reason",
        "B-15": "purchase orders that the plan or the preferences of QuickBooks do not allow are a clear finding",
    },
    "Direction and tax": {
        "B-16": "what is changed in QuickBooks does not come back",
        "B-17": "in the mode without tax, amounts before tax go out, and people add the tax in QuickBooks",
    },
    "Numbers": {
        "B-18": "numbers count up by one from a start that is chosen",
        "B-19": "a start whose number QuickBooks has already is refused",
    },
    "Customers and projects": {
        "B-20": "a project becomes a sub-customer of the customer that QuickBooks has",
        "B-21": "a client that QuickBooks does not have is created first, then the project below it",
        "B-22": "clients are customers, projects are sub-customers",
        "B-23": "a project goes out as soon as it is there, with nothing billed on it",
        "B-24": "a customer that is gone from QuickBooks is found out, and its documents wait",
        "B-25": "customers that were matched first are used, and none is made twice",
    },
    "Invoices": {
        "B-26": "an invoice that was created and sent becomes an invoice in QuickBooks",
        "B-27": "that happens when it is submitted, not while it is a draft",
        "B-28": "attached documents go along",
        "B-29": "an invoice in QuickBooks is not changed any more",
        "B-30": "an invoice that is voided is voided in QuickBooks, too",
        "B-31": "back to draft: QuickBooks' copy is deleted, and the invoice can be changed and submitted again",
        "B-32": "an invoice that disappears from the source is not deleted in QuickBooks",
        "B-33": "credits go out when they are submitted",
    },
    "Payments": {
        "B-34": "payments in part and in full become payments in QuickBooks",
        "B-35": "they go out with the next cycle after they were logged",
        "B-36": "the balance of the invoice in QuickBooks follows at once",
        "B-37": "a payment that is deleted is deleted in QuickBooks, too",
    },
    "Expenses": {
        "B-38": "approved expenses become expenses in QuickBooks: money spent, not owed",
        "B-39": "receipts go along",
        "B-40": "that happens on approval; drafts never go out",
        "B-41": "a change of the expense overwrites the one in QuickBooks",
        "B-42": "an expense that is deleted is removed from QuickBooks",
        "B-43": "vendors that were matched first are used for expenses",
    },
    "Purchase orders": {
        "B-44": "purchase orders go out as soon as they are created",
        "B-45": "what is owed goes out as a bill without any purchase order",
        "B-46": "vendors that were matched first are used for purchase orders",
    },
}
