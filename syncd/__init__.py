"""syncd keeps a business system and QuickBooks Online in agreement, in both directions."""

__version__ = "0.1.0"
