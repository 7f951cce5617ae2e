"""One try to have a node started: what the provider is asked, in which order. I/O through the provider.

The first try asks for a launch. Every later one first asks what is there, because the try before may have
started a machine and died, hung or lied before it was known. So no name ever has two machines: one that runs
is waited for, one that runs and never joined is ended first. What is in the cluster map is not ended here,
though it be silent: an image may be on its disk alone. It goes the way of a node that leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from atoll.errors import AtollError
from atoll.launches import Action, LaunchAnswer, LaunchOrder
from atoll.model import Position
from monitor.scale_instances import Instance, failed
from monitor.scale_policy import ScalePolicy
from monitor.scale_providers import Provider, ProviderFailed

log = logging.getLogger(__name__)

Place = Callable[[str], Position]
MakeToken = Callable[[Instance], Awaitable[str]]


class ScaleCalls:
    """`mapped`: whether a node of this name is a member now; `token`: a join token for an instance, all
    earlier ones of which are worthless from then on."""

    def __init__(
        self,
        policy: ScalePolicy,
        provider: Provider,
        place: Place,
        mapped: Callable[[str], bool],
        token: MakeToken,
        now: Callable[[], int],
    ) -> None:
        self._policy, self._provider = policy, provider
        self._place, self._mapped, self._token, self._now = place, mapped, token, now

    async def attempt(self, one: Instance) -> Instance:
        """The instance after this try: launched, or failed."""
        try:
            answer = await self._attempt(one)
        except (ProviderFailed, AtollError) as error:
            told = error.detail if isinstance(error, AtollError) else str(error)
            log.warning("growth: %s could not be started (try %d): %s", one.name, one.tries, told)
            return failed(one, told, self._now(), self._policy)
        log.info("growth: %s is %s (%s)", one.name, answer.state, answer.reference or "no reference")
        return replace(
            one, state="launched", since=self._now(), error="", overdue=False, reference=answer.reference
        )

    async def _attempt(self, one: Instance) -> LaunchAnswer:
        if one.tries > 1:
            found = await self._ask("status", one)
            waited_for = not one.overdue or self._mapped(one.name)
            if found.state in {"launching", "running"} and waited_for:
                return found
            if found.state != "absent":
                await self._end(one)
        return await self._launch(one)

    async def _end(self, one: Instance) -> None:
        if self._mapped(one.name):
            raise ProviderFailed("it is in the cluster map and may hold images: its machine is not ended")
        ended = await self._ask("end", one)
        if ended.state != "absent":
            raise ProviderFailed(f"the old machine was not ended: {ended.detail or ended.state}")

    async def _launch(self, one: Instance) -> LaunchAnswer:
        answer = await self._ask("launch", one, await self._token(one))
        if answer.state not in {"launching", "running"}:
            raise ProviderFailed(answer.detail or f"it says {answer.state}")
        return answer

    async def _ask(self, action: Action, one: Instance, token: str = "") -> LaunchAnswer:
        place = self._place(one.region)
        return await self._provider.ask(
            LaunchOrder(action, one.name, one.region, one.set, one.tries, place.lat, place.lon, token)
        )
