"""A capacity alert on the wire: sealed, and bound to its subject."""

from __future__ import annotations

import pytest
from alert_maker import an_alert

from atoll.events import BadEvent
from atoll.signing import Keys
from monitor.alerts import alert_subject, is_worse, open_alert, seal_alert, transition_of

KEYS = Keys(b"k" * 32)


@pytest.mark.parametrize(
    ("alert", "subject"),
    [
        (an_alert(), "atoll.alert.capacity.eu-1"),
        (an_alert(scope="set", name="s1", region=None), "atoll.alert.capacity.set.s1"),
        (an_alert(name="set"), "atoll.alert.capacity.set"),
    ],
)
def test_an_alert_comes_back_from_its_subject(alert, subject):
    assert alert_subject(alert) == subject
    assert open_alert(subject, *seal_alert(alert, KEYS), KEYS) == alert


@pytest.mark.parametrize(
    "forge",
    [
        lambda subject, body, headers: ("atoll.alert.capacity.eu-2", body, headers),
        lambda subject, body, headers: (subject, body.replace(b"81.5", b"11.5"), headers),
        lambda subject, body, headers: (subject, body, {}),
        lambda subject, body, headers: (subject, body, None),
    ],
)
def test_a_forged_alert_is_refused(forge):
    with pytest.raises(BadEvent):
        open_alert(*forge(alert_subject(an_alert()), *seal_alert(an_alert(), KEYS)), KEYS)


def test_an_alert_of_another_cluster_is_refused():
    body, headers = seal_alert(an_alert(), Keys(b"x" * 32))
    with pytest.raises(BadEvent, match="signature"):
        open_alert("atoll.alert.capacity.eu-1", body, headers, KEYS)


@pytest.mark.parametrize(
    ("previous", "level", "transition", "worse"),
    [
        ("ok", "warning", "raised", True),
        ("ok", "critical", "raised", True),
        ("warning", "critical", "changed", True),
        ("critical", "warning", "changed", False),
        ("warning", "ok", "cleared", False),
        ("critical", "ok", "cleared", False),
    ],
)
def test_the_name_of_a_transition(previous, level, transition, worse):
    assert transition_of(previous, level) == transition
    assert is_worse(an_alert(previous=previous, level=level)) is worse
