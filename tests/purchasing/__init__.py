"""The purchase side: suppliers, expenses, bills, purchase orders and their files (B-10, B-15, B-28, B-38 to B-46)."""
