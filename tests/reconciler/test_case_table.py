"""The case table, said once more in another way, and compared with the code for every combination there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from syncd.model.kinds import Kind
from syncd.reconciler.cases import ACTIONS, ALLOWED, BY_PERSON, DEFAULT, Memory, Seen, Sight, actions, classify
from syncd.reconciler.policy import Answer, Case
from tests.reconciler.build import RUDDR

# One row per way into a case. Sides: ? unknown, gone, = live and as in the base, ~ live and changed, void. On the
# source a void is as good as gone. `both` says whether the two sides are equal, and if not, whether the same field
# was changed on both; `fits` counts records of QBO that fit an unlinked one; `beside` those beside the linked one.
# A dot is "whatever". The rows do not overlap: their order means nothing.
TABLE = """
case  doubt  memory  source  qbo        both      fits  beside
C00   yes    .       .       .          .         .     .
C01   no     .       ?       .          .         .     .
C01   no     .       seen    ?          .         .     .
C10   no     none    gone    gone       .         .     .
C12   no     none    gone    live/void  .         .     .
C15   no     none    live    seen       .         2     .
C11   no     none    live    gone       .         0/1   .
C13   no     none    live    live       equal     0/1   .
C14   no     none    live    live       differ    0/1   .
C16   no     none    live    void       .         0/1   .
C20   no     linked  =       =          equal     .     0
C21   no     linked  =       =          differ    .     0
C22   no     linked  ~       =          .         .     0
C23   no     linked  =       ~          .         .     0
C24   no     linked  ~       ~          equal     .     0
C25   no     linked  ~       ~          disjoint  .     0
C26   no     linked  ~       ~          overlap   .     0
C30   no     linked  gone    =          .         .     0
C31   no     linked  gone    ~          .         .     0
C32   no     linked  =       gone       .         .     0
C33   no     linked  ~       gone       .         .     0
C34   no     linked  =       void       .         .     0
C35   no     linked  ~       void       .         .     0
C36   no     linked  gone    gone/void  .         .     .
C37   no     linked  live    gone       .         .     1
C38   no     linked  live    gone       .         .     2
C38   no     linked  live    live/void  .         .     1/2
C38   no     linked  gone    live       .         .     1/2
C10   no     tomb    gone    gone/void  .         .     .
C41   no     tomb    gone    live       .         .     .
C15   no     tomb    live    seen       .         2     .
C40   no     tomb    live    gone/void  .         0     .
C42   no     tomb    live    gone/void  .         1     .
C42   no     tomb    live    live       .         0/1   .
"""
HEADER, *BODY = (row.split() for row in TABLE.strip().splitlines())
ROWS = [
    (row[0], [(column, set(word.split("/"))) for column, word in zip(HEADER[1:], row[1:], strict=True) if word != "."])
    for row in BODY
]


def sights() -> Iterator[Sight]:
    """Every combination of what may be seen."""
    sides, flags, counts = tuple(Seen), (False, True), (0, 1, 2)
    for parts in itertools.product(Memory, sides, sides, flags, flags, flags, flags, flags, counts, counts):
        yield Sight(*parts)


def said_of(sight: Sight) -> dict[str, set[str]]:
    """The words of the table that are true of ``sight``, by column."""
    return {
        "doubt": {"yes" if sight.in_doubt else "no"},
        "memory": {sight.memory.value},
        "source": _side("gone" if sight.source is Seen.VOID else sight.source.value, changed=sight.source_changed),
        "qbo": _side(sight.qbo.value, changed=sight.qbo_changed),
        "both": {"equal"} if sight.agree else {"differ", "disjoint" if sight.disjoint else "overlap"},
        "fits": {str(sight.matches)},
        "beside": {str(sight.others)},
    }


def _side(state: str, *, changed: bool) -> set[str]:
    if state == "unknown":
        return {"?"}
    return {"seen", state} | ({"~" if changed else "="} if state == "live" else set())


def expected(sight: Sight) -> list[str]:
    """The cases that the table gives ``sight``, one for each row that fits."""
    said = said_of(sight)
    return [case for case, asked in ROWS if all(said[column] & words for column, words in asked)]


def test_every_sight_has_exactly_one_case() -> None:
    """Total and exclusive: 13,824 combinations, one row each, and the code says the same."""
    wrong = []
    count = 0
    for sight in sights():
        count += 1
        rows = expected(sight)
        if rows != [classify(sight).value]:
            wrong.append((sight, rows, classify(sight).value))
    assert count == 3 * 4 * 4 * 2**5 * 3 * 3
    assert not wrong, f"{len(wrong)} of {count}, for example {wrong[:3]}"


@pytest.mark.parametrize("case", sorted({case for case, _ in ROWS}))
def test_every_case_can_happen(case: str, request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.case(case))
    assert any(classify(sight).value == case for sight in sights())


def test_only_overlays_are_not_classified() -> None:
    assert {case.value for case in Case} - {case for case, _ in ROWS} == {"C50", "C51", "C52"}


# ---- what may be done

# Columns "default" and "policy may say". Beyond the sheet: `record` in C14 (link two that differ in what the policy
# gives to neither, such as the spelling of an item's name), `orphan` in C30, C31, C32 and C34 (the sheet's "unlink",
# and what the ruddr profile picks), `withdraw_source` in C32 (a setting of C-R15), `by_owner` in C26 (the sheet's
# "source / qbo", chosen field by field) and `record` (the name of an item, which is never written); where a record goes
# out only when a person asks for it, `await` in C22, C25 and C26, `push` in C25 (what QuickBooks changed beside it is
# left there), and `orphan` in C33.
ANSWERS = """
C00 hold          -
C01 hold          -
C10 none          -
C11 create_qbo    hold
C12 ignore        create_source
C13 link          hold
C14 hold          push pull record
C15 hold          -
C16 hold          create_qbo
C20 none          -
C21 hold          push pull
C22 push          hold await
C23 by_owner      hold push record
C24 rebase        -
C25 hold          merge push await
C26 hold          by_owner push pull record await
C30 hold          void_qbo deactivate_qbo delete_qbo orphan
C31 hold          orphan void_qbo
C32 hold          recreate_qbo orphan delete_source withdraw_source
C33 hold          recreate_qbo orphan
C34 hold          void_source orphan reactivate_qbo
C35 hold          -
C36 forget        orphan
C37 hold          -
C38 hold          -
C40 create_qbo    hold
C41 hold          ignore
C42 hold          link
C50 hold          -
C51 hold          -
C52 none          -
"""
SAID = {row.split()[0]: (row.split()[1], set(row.split()[2:]) - {"-"}) for row in ANSWERS.strip().split("\n")}
NEVER_AUTOMATIC = ("C00", "C01", "C15", "C35", "C37", "C38", "C50", "C51")


@pytest.mark.parametrize("case", list(Case))
def test_default_and_choice_are_those_of_the_sheet(case: Case) -> None:
    default, choice = SAID[case.value]
    assert DEFAULT[case].value == default
    assert {answer.value for answer in ALLOWED[case]} == {default} | choice


@pytest.mark.parametrize("case", NEVER_AUTOMATIC)
def test_some_cases_are_never_automatic(case: str) -> None:
    assert ALLOWED[Case(case)] == {Answer.HOLD}


def test_every_answer_of_the_profile_is_one_that_its_case_allows() -> None:
    for policy in RUDDR.kinds.values():
        for case, answer in policy.answers.items():
            assert answer in ALLOWED[case], f"{case} {answer}"
        assert policy.withdrawn in ALLOWED[Case.SRC_GONE]
        assert policy.source_void in ALLOWED[Case.SRC_GONE]


def test_a_person_is_asked_about_holds_only_and_never_about_what_is_not_known() -> None:
    for word, meanings in BY_PERSON.items():
        for case in meanings:
            assert DEFAULT[case] is Answer.HOLD or Answer.HOLD in ALLOWED[case], f"{word} in {case}"
    for case in (Case.IN_DOUBT, Case.UNKNOWN, Case.ADOPT_AMBIGUOUS, Case.MOVED, Case.TWINS):
        assert ACTIONS[case] == ()


@pytest.mark.failure("F-117")
def test_what_a_person_may_say_is_offered_where_it_means_something() -> None:
    assert ACTIONS[Case.CONFLICT] == ("accept-source", "accept-qbo")
    assert ACTIONS[Case.ADOPT_VOID] == ("accept-source",)
    assert actions(Case.QBO_VOID, Kind.INVOICE) == ("accept-qbo",)
    assert actions(Case.QBO_VOID, Kind.CLIENT) == ("accept-source",)
    assert ACTIONS[Case.FROZEN] == ("accept-source",)


NOT_HERS = {
    *(Kind.ESTIMATE, Kind.EXPENSE, Kind.TAX_CODE, Kind.PURCHASE, Kind.PURCHASE_ORDER),
    Kind.ATTACHMENT,
}
"""Kinds that Ruddr does not keep in agreement."""


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in NOT_HERS])
def test_the_profile_speaks_of_every_kind(kind: Kind) -> None:
    assert kind in RUDDR.kinds
    assert (
        msgspec.json.decode(msgspec.json.encode(RUDDR.kinds[kind]), type=type(RUDDR.kinds[kind])) == RUDDR.kinds[kind]
    )
