"""The half of a query service that tells other programs of events, put together. Called by app.py."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from atoll.ids import now_ms
from atoll.lifecycle import Tasks
from atoll.outward import open_outward
from atoll.signing import Keys, derived_key
from query_service.data_side import DataSide, backoff
from query_service.hook_rules import HookRules
from query_service.hook_sender import HookSender
from query_service.hooks_api import HooksApi
from query_service.routing import Route
from query_service.settings import QuerySettings


class HookSide(NamedTuple):
    """Endpoints, and who sends to them."""

    routes: list[Route]
    sender: HookSender

    def start(self, tasks: Tasks) -> None:
        """Send what is due, for ever."""
        tasks.start("webhooks", self.sender.run())


async def open_hooks(settings: QuerySettings, keys: Keys, data: DataSide, stack: AsyncExitStack) -> HookSide:
    """The wall is opened here: nothing goes out but through it."""

    def secret(hook: Mapping[str, Any]) -> str:
        """Of one endpoint: made anew whenever it is needed, kept nowhere."""
        return f"whsec_{derived_key(keys.signing, 'webhook ' + hook['_id'], hook['salt']).hex()}"

    policy = settings.outward_policy()
    outward = await stack.enter_async_context(open_outward(policy, settings.outward_limits()))
    ports = settings.outward_ports
    rules = HookRules(settings.webhook_retry_seconds, random.Random().random)
    sender = HookSender(data.hooks, outward, ports, secret, rules, now_ms, backoff())
    api = HooksApi(data.hooks, secret, ports, policy, settings.max_json_bytes, now_ms)
    return HookSide(api.routes(), sender)
