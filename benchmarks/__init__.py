"""Measures what syncd costs, beside the way most would write such a program with python-quickbooks.

``python -m benchmarks`` runs everything at full size and rewrites ``docs/benchmarks.md``; ``--help`` shows how to
choose single benchmarks and smaller sizes. Every figure is taken in a process of its own (``tasks``), with the
QuickBooks look-alike in another one, so that processor time and memory are those of syncd, or of the naive program,
alone.
"""
