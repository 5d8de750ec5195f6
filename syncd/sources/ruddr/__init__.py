"""Ruddr through its workspace API: read by lists and fingerprints, written only where the API lets anything be written.

What is known of the API, and how surely, stands in docs/source-ruddr-api.md. Nothing here keeps a file: what was seen
lives in memory, and the first read after a start reads everything.
"""

from syncd.sources.ruddr.settings import RuddrSourceConfig

__all__ = ["RuddrSourceConfig"]
