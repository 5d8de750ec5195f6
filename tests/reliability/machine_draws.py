"""What chance chooses from: a world to begin with, who is meant, and what goes wrong in a run."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.reliability import machine_policies
from tests.reliability.machine_stage import FEEDS, Setup
from tests.reliability.machine_wire import HEALTHY, Trouble

which = st.integers(0, 5)
nth = st.integers(1, 3)
setups = st.builds(
    Setup,
    start=st.sampled_from(("linked", "linked", "linked", "blank", "big")),
    feed=st.sampled_from(FEEDS),
    numbers=st.booleans(),
    policy=st.sampled_from((*machine_policies.NAMES, "ruddr", "ruddr")),
    on_qbo_delete=st.sampled_from(("hold", "unpublish", "ignore")),
    on_qbo_void=st.sampled_from(("hold", "void", "ignore")),
    remove_invoice=st.booleans(),
    batch_size=st.sampled_from((30, 1)),
    short_feed=st.booleans(),
)
alone = st.one_of(
    st.builds(Trouble, crash=st.integers(1, 16)),
    st.builds(Trouble, lost=nth),
    st.builds(Trouble, late=nth),
    st.builds(Trouble, away=nth),
    st.builds(Trouble, refused=nth),
    st.builds(Trouble, read=st.integers(1, 8)),
    st.builds(Trouble, feed=st.sampled_from((4, 6, 8, 12))),
    st.builds(Trouble, lag=st.just(True)),
    st.builds(Trouble, meddle=nth),
)
_together = st.builds(
    Trouble,
    crash=st.integers(0, 16),
    lost=st.integers(0, 2),
    late=st.integers(0, 2),
    away=st.integers(0, 2),
    read=st.integers(0, 6),
    meddle=st.integers(0, 2),
)
troubles = st.one_of(st.just(HEALTHY), alone, alone, _together)
