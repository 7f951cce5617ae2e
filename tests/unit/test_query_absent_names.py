"""Names that are not there, remembered for a while."""

from __future__ import annotations

from query_service.absent_names import AbsentNames

TOM, TIM, TAM = (("photos", f"{name}.jpg") for name in ("tom", "tim", "tam"))


def test_a_name_is_absent_lately_for_its_seconds_and_ever_beyond() -> None:
    now = 10.0
    absent = AbsentNames(2, 5.0, lambda: now)
    assert not absent.ever(TOM)
    absent.note(TOM)
    now = 14.9
    assert absent.lately(TOM)
    now = 15.0
    assert not absent.lately(TOM)
    assert absent.ever(TOM)


def test_the_one_noted_longest_ago_is_forgotten_first() -> None:
    absent = AbsentNames(2, 5.0, lambda: 0.0)
    for name in (TOM, TIM, TOM, TAM):
        absent.note(name)
    assert [absent.ever(name) for name in (TOM, TIM, TAM)] == [True, False, True]
