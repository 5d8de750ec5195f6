"""What the profile ravetree promises, by area, in our own words: rows V-1 to V-24 of the acceptance list."""

from __future__ import annotations

ROWS: dict[str, dict[str, str]] = {
    "Connecting and mapping": {
        "V-1": "the source's invoices and QuickBooks' are kept in step",
        "V-2": "the link begins with signing in to QuickBooks",
        "V-3": "what is to be synced is chosen before the mapping is asked for",
        "V-4": "each of the five types of lines is mapped to a service item",
        "V-5": "nothing is sent while the mapping has a hole",
        "V-6": "invoices and estimates begin in the source; those made in QuickBooks are left alone",
    },
    "Invoices": {
        "V-7": "a new invoice goes out by itself",
        "V-8": "its number is the same on both sides",
        "V-9": "a payment may be entered on either side and appears on both",
        "V-10": "sent and paid are the same on both sides, wherever they were set",
        "V-11": "a line that is added, changed or removed is so in QuickBooks, too",
        "V-12": "invoices older than the link go out one at a time, by command",
        "V-13": "what is changed in the content of an invoice in QuickBooks does not come back",
    },
    "Estimates": {
        "V-14": "estimates go out only where that is switched on",
        "V-15": "an estimate goes out when it is created, and when it changes",
        "V-16": "what is changed in an estimate in QuickBooks does not come back",
    },
    "Contacts": {
        "V-17": "when first switched on, QuickBooks' customers become contacts",
        "V-18": "a recipient that QuickBooks does not have becomes a customer",
        "V-19": "a contact can be sent by command",
        "V-20": "each record shows whether it is linked",
    },
    "Facts of documents": {
        "V-21": "an invoice is addressed to a contact or to an account",
        "V-22": "lines come from time, from expenses, or are free",
        "V-23": "invoices that retainers make go out with nobody watching",
        "V-24": "the source counts its numbers; QuickBooks keeps what it is sent",
    },
}
