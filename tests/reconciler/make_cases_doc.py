"""Writes ``docs/cases.md`` from the case table and the profiles: ``python -m tests.reconciler.make_cases_doc``.

What a case is called and when it is one is said here, for a reader; what may be done in it is read from the code.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from syncd import profiles
from syncd.model.facts import Settings
from syncd.model.kinds import State
from syncd.model.spec import SPECS
from syncd.reconciler.cases import ACTIONS, ALLOWED, DEFAULT
from syncd.reconciler.policy import Answer, Case, KindPolicy, Policy

TARGET = Path(__file__).resolve().parent.parent.parent / "docs" / "cases.md"

WHEN: dict[Case, tuple[str, str]] = {
    Case.IN_DOUBT: ("in doubt", "an earlier write of this record may or may not have arrived"),
    Case.UNKNOWN: ("unknown", "a side could not be read, or not made sense of"),
    Case.NOTHING: ("nothing", "not there on either side"),
    Case.SRC_NEW: ("new in the source", "no link; the source has it, QuickBooks has nothing like it"),
    Case.FOREIGN: ("foreign", "no link; only QuickBooks has it"),
    Case.ADOPT_EQUAL: ("same on both sides", "no link; one certain match, equal in every field that is kept"),
    Case.ADOPT_DIFF: ("look-alike", "no link; one match that differs, or matches in part only"),
    Case.ADOPT_AMBIGUOUS: ("ambiguous", "no link; several matches, or one match that fits several records"),
    Case.ADOPT_VOID: ("void match", "no link; the only match is void or inactive"),
    Case.IN_SYNC: ("in sync", "neither side changed and both are equal"),
    Case.DRIFT: ("drift", "neither side changed, yet they differ"),
    Case.SRC_EDITED: ("edited in the source", "only the source changed"),
    Case.QBO_EDITED: ("edited in QuickBooks", "only QuickBooks changed"),
    Case.CONVERGED: ("converged", "both changed, to the same"),
    Case.MERGEABLE: ("mergeable", "both changed, different fields; lines, discount, tax and total count as one"),
    Case.CONFLICT: ("conflict", "both changed the same field"),
    Case.SRC_GONE: ("gone from the source", "the source lost it or withdrew it; QuickBooks did not change it"),
    Case.SRC_GONE_QBO_EDITED: ("gone from the source, edited in QuickBooks", "as above, and QuickBooks changed it"),
    Case.QBO_GONE: ("gone from QuickBooks", "QuickBooks lost it; the source did not change it"),
    Case.QBO_GONE_SRC_EDITED: ("gone from QuickBooks, edited in the source", "as above, and the source changed it"),
    Case.QBO_VOID: ("void in QuickBooks", "voided or made inactive there; the source did not change it"),
    Case.QBO_VOID_SRC_EDITED: ("void in QuickBooks, edited in the source", "as above, and the source changed it"),
    Case.BOTH_GONE: ("gone on both sides", "gone from the source, and gone or void in QuickBooks"),
    Case.MOVED: ("moved", "the linked record is gone from QuickBooks, and another carries its key"),
    Case.TWINS: ("twins", "another live record in QuickBooks carries the key of the linked one"),
    Case.REBORN_SRC: ("back in the source", "was gone on both sides; the source has it again"),
    Case.REBORN_QBO: ("back in QuickBooks", "was gone on both sides; QuickBooks has it again"),
    Case.REBORN_BOTH: ("back on both sides", "was gone on both sides; both have it again"),
    Case.BLOCKED: ("blocked", "needs a record that is held, or that the side to be written does not have"),
    Case.FROZEN: ("frozen", "closed period, money already applied, or an amount over the ceiling"),
    Case.HALTED: ("halted", "a brake stopped its kind or the company; or this record, which is then held"),
}
OVERLAYS = frozenset({Case.BLOCKED, Case.FROZEN, Case.HALTED})
WORDS: dict[Answer, str] = {
    Answer.NONE: "nothing",
    Answer.HOLD: "hold",
    Answer.IGNORE: "ignore, counted",
    Answer.CREATE_QBO: "create in QuickBooks",
    Answer.CREATE_SOURCE: "create in the source",
    Answer.WITHDRAW_SOURCE: "make it a draft in the source",
    Answer.LINK: "link",
    Answer.PUSH: "source wins",
    Answer.PULL: "QuickBooks wins",
    Answer.BY_OWNER: "owner of the field wins",
    Answer.MERGE: "merge",
    Answer.REBASE: "new base, no write",
    Answer.RECORD: "record, no write",
    Answer.DELETE_QBO: "delete in QuickBooks",
    Answer.VOID_QBO: "void in QuickBooks",
    Answer.DEACTIVATE_QBO: "make inactive in QuickBooks",
    Answer.DELETE_SOURCE: "delete in the source",
    Answer.VOID_SOURCE: "mark void in the source",
    Answer.RECREATE_QBO: "create anew in QuickBooks",
    Answer.ORPHAN: "leave, keep the link",
    Answer.FORGET: "forget",
    Answer.AWAIT: "wait until a person asks for it",
    Answer.REACTIVATE_QBO: "make active again in QuickBooks",
}
INTRODUCTION = """\
# The cases

<!-- Made by `python -m tests.reconciler.make_cases_doc`; a test fails when this page is not what it would write. -->

Every record that is looked at is in exactly one case, by what is remembered of it and what both sides show. A side is
*gone* only when two witnesses say so, *unknown* when it could not be read; *changed* means other than the base, after
the lens. The default applies where the profile names nothing; a profile chooses among the answers of its case and no
others. A person may answer a hold with `syncd held accept-source ID` or `accept-qbo` where the last column says so, and
always with `retry` or `ignore`.

C50 to C52 lie over what was decided: first blocked, then frozen, then halted.
"""
WITHDRAWN = """\
### Withdrawn and voided in the source

A record that no longer flows (an invoice that is a draft again) is gone from the source as far as QuickBooks is
concerned, and so is one that the source voided. What then becomes of it is an answer of its own, within those of C30
and C31.
"""


def page() -> str:
    """The whole page."""
    rows = [_row(case) for case in Case]
    table = [
        "| case | name | when | default | a policy may also say | a person may say |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join([INTRODUCTION, *table, "", *_profiles()])


def _row(case: Case) -> str:
    name, when = WHEN[case]
    default = DEFAULT[case]
    others = "; ".join(WORDS[answer] for answer in Answer if answer in ALLOWED[case] - {default})
    said = ", ".join(f"`{word}`" for word in ACTIONS[case])
    closed = "" if case in OVERLAYS or default is not Answer.HOLD else "**never automatic**"
    return f"| {case.value} | {name} | {when} | {WORDS[default]} | {others or closed or '–'} | {said or '–'} |"


def _profiles() -> list[str]:
    lines = []
    for name in profiles.NAMES:
        policy = profiles.load(name, Settings(expense_bills=True))
        lines += [f"## What the `{name}` profile chooses", "", "Where a kind is not named, the default applies.", ""]
        lines += ["| case | answer | kinds |", "|---|---|---|"]
        for case in Case:
            lines += [
                f"| {case.value} {WHEN[case][0]} | {WORDS[answer]} | {_kinds(policy, _answer(case), answer)} |"
                for answer in Answer
                if _kinds(policy, _answer(case), answer)
            ]
        lines += ["", WITHDRAWN, "| | answer | kinds |", "|---|---|---|"]
        for what, of in (("withdrawn", _withdrawn), ("voided", _voided), ("ticked", _ticked), ("unticked", _unticked)):
            lines += [
                f"| {what} | {WORDS[answer]} | {_kinds(policy, of, answer)} |"
                for answer in Answer
                if _kinds(policy, of, answer)
            ]
        lines.append("")
    return lines


def _kinds(policy: Policy, of: Callable[[KindPolicy], Answer | None], answer: Answer) -> str:
    documents = {kind: rules for kind, rules in policy.kinds.items() if of(rules) is answer}
    return ", ".join(SPECS[kind].plural for kind in SPECS if kind in documents)


def _answer(case: Case) -> Callable[[KindPolicy], Answer | None]:
    return lambda rules: rules.answers.get(case)


def _withdrawn(rules: KindPolicy) -> Answer | None:
    return rules.withdrawn if State.PUBLISHED in rules.flows else None


def _voided(rules: KindPolicy) -> Answer | None:
    return rules.source_void if State.PUBLISHED in rules.flows else None


def _ticked(rules: KindPolicy) -> Answer | None:
    return rules.ticked


def _unticked(rules: KindPolicy) -> Answer | None:
    return rules.unticked


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
