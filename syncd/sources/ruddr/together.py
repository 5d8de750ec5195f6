"""What one row cannot know: that its number stands on another live document too, and which tax rate it means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present
from syncd.model.records.forms import CreditNote, Invoice
from syncd.sources import whole
from syncd.sources.ruddr.readers import TaxRate, number_of

_NOUNS = {Kind.INVOICE: "invoice", Kind.CREDIT_NOTE: "credit note"}


class Together:
    """Numbers of live documents, and tax rates in use, of the whole workspace."""

    def __init__(self, numbers: Mapping[tuple[Kind, str], Sequence[str]], rates: Iterable[TaxRate]) -> None:
        self._numbers = numbers
        self._shared = {key: ids for key, ids in numbers.items() if len(ids) > 1}
        known = list(rates)
        often = Counter(rate for rate, _ in known)
        self._names = {rate: name for rate, name in known if often[rate] == 1}

    def finished(self, kind: Kind, observation: Present | Flawed, number: str = "") -> Present | Flawed:
        """The observation with what the others tell about it. ``number`` is that of a flawed one, where it is known."""
        if isinstance(observation, Present):
            record_id, number = observation.record.id, number_of(observation.record)
        else:
            record_id = observation.id
        others = [each for each in self._numbers.get((kind, number), ()) if each != record_id] if number else []
        if others:
            problem = whole.duplicate_number(number, [record_id, *others], _NOUNS[kind])
            problems = observation.problems if isinstance(observation, Flawed) else ()
            return Flawed(record_id, observation.version, (*problems, problem))
        return self._named(observation) if isinstance(observation, Present) else observation

    def _named(self, observation: Present) -> Present:
        """A document tells a rate and not its name; the name is sure where a single rate in use is that high."""
        record = observation.record
        if not isinstance(record, Invoice | CreditNote) or not isinstance(record.tax_rate, Decimal):
            return observation
        name = self._names.get(record.tax_rate) if record.tax_rate else None
        if name is None:
            return observation
        return msgspec.structs.replace(observation, record=msgspec.structs.replace(record, tax_code=name))

    def twins(self, kind: Kind, ids: Iterable[str]) -> frozenset[str]:
        """Those that share a number with one of ``ids`` and are none of them."""
        given = frozenset(ids)
        found: set[str] = set()
        for (of, _), group in self._shared.items():
            if of is kind and not given.isdisjoint(group):
                found.update(group)
        return frozenset(found - given)
