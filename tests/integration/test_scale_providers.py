"""Providers of machines as the monitor meets them: programs and servers that work, fail, hang and lie."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest
from aiohttp import ClientSession, web
from replicator_stage import until

from atoll.cancelling import cancel_and_wait
from atoll.hook_signature import HEADER, verify_webhook
from atoll.launches import FiledAnswer, LaunchAnswer, LaunchOrder
from atoll.model import Position
from monitor.provider_exec import GRACE_SECONDS, ExecProvider
from monitor.provider_local import LocalProvider
from monitor.provider_webhook import WebhookProvider
from monitor.scale_calls import ScaleCalls
from monitor.scale_instances import Instance, asked
from monitor.scale_policy import ProviderEntry, ScalePolicy
from monitor.scale_providers import ProviderFailed

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

ORDER = LaunchOrder("launch", "eu-2", "eu", "s2", 1, 50.0, 8.0, "the-token")
ONE = Instance("eu-2", "eu", "s2", "", 0)
SECRET = "a-secret-of-this-test"


def program(tmp_path, text, grace=GRACE_SECONDS, **entry):
    """An exec provider that runs this shell script."""
    path = tmp_path / "provider"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return ExecProvider(ProviderEntry("exec", (str(path), "first"), **entry), grace)


def calls_of(provider, mapped=False, **policy):
    known = ScalePolicy(ProviderEntry("exec", ("/bin/true",)), **policy)

    async def token(_one):
        return "the-token"

    return ScaleCalls(known, provider, lambda _: Position(50.0, 8.0), lambda _: mapped, token, lambda: 1000)


async def test_a_program_gets_the_order_on_stdin_and_no_secret_in_its_environment(tmp_path):
    provider = program(
        tmp_path,
        f'cat > {tmp_path}/order; env > {tmp_path}/env; echo "$1" > {tmp_path}/word\n'
        """echo '{"state": "launching", "reference": "i-1", "cost": 3}'""",
        environment={"CLOUD": "mine"},
    )
    assert await provider.ask(ORDER) == LaunchAnswer("launching", "i-1")
    assert msgspec.json.decode((tmp_path / "order").read_bytes(), type=LaunchOrder) == ORDER
    told = (tmp_path / "env").read_text()
    assert "ATOLL_ACTION=launch" in told
    assert "ATOLL_NAME=eu-2" in told
    assert "CLOUD=mine" in told
    assert "the-token" not in told
    assert (tmp_path / "word").read_text() == "first\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo no quota >&2; exit 3", "no quota"),
        ("echo hello", "is not the JSON"),
        ("""echo '{"state": "perhaps"}'""", "is not the JSON"),
        ("head -c 100000 /dev/zero", "longer than"),
        ("""printf '{"more": '; head -c 60000 /dev/zero | tr '\\0' '['""", "is not the JSON"),
        ("sleep 60 & sleep 60", "took longer than"),
    ],
)
async def test_a_program_that_fails_babbles_or_hangs_is_told_as_such(tmp_path, text, reason):
    with pytest.raises(ProviderFailed, match=reason):
        await program(tmp_path, text, timeout_seconds=0.5).ask(ORDER)


async def stopped_when_it_ran(provider, ran):
    """The monitor ends while it waits for this program, which has written into `ran`."""
    asking = asyncio.create_task(provider.ask(ORDER))
    await until(lambda: ran.exists() and ran.read_text(), "the program did not begin")
    await cancel_and_wait([asking])


async def test_a_program_that_is_to_end_is_told_first_for_it_may_hold_locks(tmp_path):
    """As Terraform does, for longer than its shell."""
    ran, unlocked = tmp_path / "ran", tmp_path / "unlocked"
    work = f"trap 'sleep 0.5; echo > {unlocked}; exit' TERM; echo yes > {ran}; while :; do sleep 0.05; done"
    await stopped_when_it_ran(program(tmp_path, f"( {work} ) & wait", timeout_seconds=60), ran)
    assert unlocked.exists()


async def test_a_program_that_does_not_listen_is_killed(tmp_path):
    ran = tmp_path / "ran"
    text = f"trap '' TERM; echo $$ > {ran}; while :; do sleep 0.05; done"
    await stopped_when_it_ran(program(tmp_path, text, grace=0.3, timeout_seconds=60), ran)
    with pytest.raises(ProcessLookupError):
        os.kill(int(ran.read_text()), 0)


async def test_a_program_that_is_not_there_is_told_as_such():
    with pytest.raises(ProviderFailed, match="cannot be run"):
        await ExecProvider(ProviderEntry("exec", ("/nowhere/launch",))).ask(ORDER)


async def test_a_failure_is_kept_with_its_reason_and_tried_again_later(tmp_path):
    after = await calls_of(program(tmp_path, "echo no quota >&2; exit 1")).attempt(asked(ONE, 0))
    assert (after.state, after.tries, after.due_at) == ("recorded", 1, 31_000)
    assert "no quota" in after.error


async def test_the_last_failure_gives_up(tmp_path):
    provider = program(tmp_path, "exit 1")
    one = msgspec.structs.replace(ONE, tries=2)
    assert (await calls_of(provider).attempt(asked(one, 0))).state == "given_up"


def cloud(tmp_path, status):
    """A provider that says `status` and does what it is told; `heard` has what that was."""
    return program(
        tmp_path,
        f'echo "$ATOLL_ACTION" >> {tmp_path}/heard\n'
        f"""case "$ATOLL_ACTION" in status) echo '{{"state": "{status}"}}' ;;\n"""
        """end) echo '{"state": "absent"}' ;; launch) echo '{"state": "running"}' ;; esac""",
    )


@pytest.mark.parametrize(
    ("status", "overdue", "heard"),
    [
        ("running", False, "status"),
        ("launching", False, "status"),
        ("absent", False, "status launch"),
        ("running", True, "status end launch"),
        ("unknown", False, "status end launch"),
    ],
)
async def test_a_second_try_first_asks_what_is_there(tmp_path, status, overdue, heard):
    provider = cloud(tmp_path, status)
    one = msgspec.structs.replace(ONE, tries=1, overdue=overdue)
    after = await calls_of(provider).attempt(asked(one, 0))
    assert after.state == "launched"
    assert (tmp_path / "heard").read_text().split() == heard.split()


@pytest.mark.parametrize(
    ("status", "state", "heard"),
    [
        ("running", "launched", "status"),
        ("unknown", "recorded", "status"),
        ("failed", "recorded", "status"),
        ("absent", "launched", "status launch"),
    ],
)
async def test_a_machine_whose_node_came_into_the_map_meanwhile_is_not_ended(tmp_path, status, state, heard):
    one = msgspec.structs.replace(ONE, tries=1, overdue=True)
    after = await calls_of(cloud(tmp_path, status), mapped=True).attempt(asked(one, 0))
    assert (after.state, "is in the cluster map" in after.error) == (state, state == "recorded")
    assert (tmp_path / "heard").read_text().split() == heard.split()


async def test_what_cannot_be_ended_is_not_started_again(tmp_path):
    provider = program(
        tmp_path, f"""echo "$ATOLL_ACTION" >> {tmp_path}/heard; echo '{{"state": "running"}}'"""
    )
    one = msgspec.structs.replace(ONE, tries=1, overdue=True)
    after = await calls_of(provider).attempt(asked(one, 0))
    assert after.state == "recorded"
    assert "not ended" in after.error
    assert (tmp_path / "heard").read_text().split() == ["status", "end"]


async def test_a_webhook_is_signed_and_its_answer_taken():
    seen = []

    async def handle(request):
        body = await request.read()
        verify_webhook(body, request.headers[HEADER], SECRET)
        seen.append(msgspec.json.decode(body, type=LaunchOrder))
        return web.json_response({"state": "running", "reference": "vm-7"})

    app = web.Application()
    app.router.add_post("/launch", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with ClientSession() as session:
        entry = ProviderEntry("webhook", url=f"http://127.0.0.1:{port}/launch", secret=SECRET)
        assert await WebhookProvider(entry, lambda: session).ask(ORDER) == LaunchAnswer("running", "vm-7")
        wrong = msgspec.structs.replace(entry, url=f"http://127.0.0.1:{port}/elsewhere")
        with pytest.raises(ProviderFailed, match="404"):
            await WebhookProvider(wrong, lambda: session).ask(ORDER)
        await runner.cleanup()
        with pytest.raises(ProviderFailed, match="gave no answer"):
            await WebhookProvider(entry, lambda: session).ask(ORDER)
    assert seen == [ORDER]


async def test_without_a_supervisor_the_local_provider_says_so(tmp_path):
    entry = ProviderEntry("local", directory=str(tmp_path), timeout_seconds=0.2)
    with pytest.raises(ProviderFailed, match="no supervisor"):
        await LocalProvider(entry).ask(ORDER)
    assert (tmp_path / "eu-2.order.json").exists()


async def test_an_answer_to_the_same_question_of_before_is_none_to_this_one(tmp_path):
    """`atoll scale retry` and `forget` begin to count tries anew."""
    entry = ProviderEntry("local", directory=str(tmp_path), timeout_seconds=0.2)
    before = FiledAnswer("failed", "", "no room", action="launch", attempt=1)
    (tmp_path / "eu-2.answer.json").write_bytes(msgspec.json.encode(before))
    with pytest.raises(ProviderFailed, match="no supervisor"):
        await LocalProvider(entry).ask(ORDER)
