"""What ``syncd check`` says of a workspace: each finding with its remedy. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.sources.base import Finding
from syncd.sources.ruddr.http import Api, RefusedError
from syncd.sources.ruddr.listing import PAGE
from syncd.sources.ruddr.probe import Prober
from syncd.sources.ruddr.readers import LIST_OF, LISTS, Listed
from syncd.sources.ruddr.rows import objects
from syncd.sources.ruddr.settings import RuddrSourceConfig
from syncd.sources.ruddr.survey import OFF, Survey

NATIVE_TEXT = (
    "Ruddr's own QuickBooks integration has linked clients of this workspace; both would post the same invoices."
)
NATIVE_REMEDY = (
    'To replace it: switch it off in Ruddr, then set [company.source] native_link = "replaced". Only to audit beside '
    "it, or to complement it, is not offered yet: until it is off, leave this company out of syncd."
)
"""The roles of ruddr-api.md 10.3."""


def workspace(api: Api) -> tuple[str, str]:
    """Id and name of the workspace that the key opens."""
    try:
        found = api.get("")
    except RefusedError as refused:
        raise SourceMisconfigured(
            f"Ruddr's address does not answer as a workspace ({refused}).", remedy="Correct [company.source] api_url."
        ) from None
    if not isinstance(found.get("id"), str) or not found["id"]:
        raise SourceMisconfigured("The address does not answer as a workspace.", remedy="Correct api_url.")
    return found["id"], str(found.get("name") or "")


def native_clients(native: Mapping[str, frozenset[str]], config: RuddrSourceConfig) -> int:
    """How many clients the vendor's own integration has linked, with the connection that is ours or may be."""
    return sum(1 for each in native.values() if each and (not config.connection_id or config.connection_id in each))


def findings(api: Api, survey: Survey, prober: Prober, config: RuddrSourceConfig) -> list[Finding]:
    """Everything worth knowing before the first write."""
    try:
        return [
            Finding("ok", "source connection", f"Connected to the workspace {workspace(api)[1] or 'without a name'}."),
            *_lists(api, config),
            *_native(survey, config),
            *_modes(prober, config),
        ]
    except (SourceUnavailable, SourceMisconfigured) as error:
        return [Finding("error", "source connection", error.message, error.remedy or "Look at Ruddr's status page.")]


def _lists(api: Api, config: RuddrSourceConfig) -> Iterator[Finding]:
    for listed in LISTS:
        kinds = [kind for kind in listed.kinds if kind in config.kinds]
        if not kinds:
            continue
        try:
            answer = api.get(listed.path, {"limit": PAGE if Kind.CREDIT_APPLICATION in kinds else 1})
        except RefusedError as refused:
            yield _off(listed, refused)
            continue
        if Kind.CREDIT_APPLICATION in kinds:
            yield from _applications(objects(answer.get("results")))


def _off(listed: Listed, refused: RefusedError) -> Finding:
    names = ", ".join(listed.kinds)
    if refused.status in OFF:
        return Finding(
            "warning",
            f"source {names}",
            f"This workspace does not let its {listed.path.strip('/')} be read ({refused}).",
            "Switch the feature on in Ruddr, or name the kind in [company.source] leave_out.",
        )
    return Finding("error", f"source {names}", f"Ruddr refused its list {listed.path} ({refused}).", "Ask its support.")


def _applications(notes: list[dict[str, object]]) -> Iterator[Finding]:
    used = [note for note in notes if note.get("appliedCredit")]
    if used and not any(objects(note.get("invoices")) for note in used):
        yield Finding(
            "warning",
            "source credit_application",
            "Ruddr's credit notes do not say on which invoices they were used, so that cannot be carried.",
            "Apply them in QuickBooks by hand.",
        )


def _native(survey: Survey, config: RuddrSourceConfig) -> Iterator[Finding]:
    clients = survey.read(LIST_OF[Kind.CLIENT]).kept
    native = {row.id: row.native for row in clients}
    linked = native_clients(native, config)
    if not linked:
        return
    if config.native_link == "refuse":
        yield Finding("error", "native link", f"{NATIVE_TEXT} ({linked} clients)", NATIVE_REMEDY)
        return
    yield Finding("ok", "native link", f"Replaced: the ids of {linked} clients are taken as certain matches.")
    if not config.connection_id and len({each for ids in native.values() for each in ids}) > 1:
        yield Finding(
            "warning",
            "native link",
            "The workspace has several accounting connections; clients linked in more than one are not matched by id.",
            "Set [company.source] connection_id to the one of this QuickBooks company.",
        )


def _modes(prober: Prober, config: RuddrSourceConfig) -> Iterator[Finding]:
    for kind, probed in prober.renew().items():
        verbs = ", ".join(sorted(probed.verbs))
        day = probed.at.date().isoformat()
        if verbs:
            yield Finding("ok", f"source {kind}", f"Ruddr lets syncd {verbs} (asked on {day}).")
        else:
            yield Finding(
                "warning",
                f"source {kind}",
                f"Ruddr's API offers nothing to write a {kind} with (asked on {day}).",
                f'Set [company.source.modes] {kind} = "worklist".',
            )
    by_hand = [kind for kind in config.kinds if config.mode(kind) == "worklist"]
    if by_hand:
        names = ", ".join(by_hand)
        yield Finding("ok", "worklist", f"Not written but listed for a person: {names}.")
