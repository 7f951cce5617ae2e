"""What there is for a static web server before the node, put together. Called by read_side.py."""

from __future__ import annotations

from collections.abc import Callable

from atoll.client_address import ClientAddress
from atoll.cluster import ClusterMap
from atoll.lifecycle import Tasks
from storage_node.derivative_scrub import DerivativeScrub
from storage_node.ground import Ground
from storage_node.hand_over import HandOver
from storage_node.offload_links import OffloadLinks
from storage_node.static_offload import Policy, StaticOffload


class OffloadSide:
    """`stuck`: how many bad copies could not be moved away; `removed`: the node is no member any more."""

    def __init__(
        self, ground: Ground, addresses: ClientAddress, stuck: Callable[[], int], removed: Callable[[], bool]
    ) -> None:
        settings, origin = ground.settings, ground.origin
        self.hand_over = HandOver(settings.accel_redirect_prefix, origin.set, addresses)
        self._derivatives = DerivativeScrub(
            ground.derivatives, ground.readers, settings.scrub_seconds, settings.scrub_max_rate
        )
        self._static = StaticOffload(
            Policy(settings.static_offload, bool(settings.accel_redirect_prefix), settings.scrub_seconds),
            OffloadLinks(settings.data_dir),
            ground.index,
            origin,
            ground.readers,
            lambda: ground.cluster.current,
            lambda: self._derivatives.proven,
            stuck,
            removed,
        )

    def cluster_changed(self, cluster: ClusterMap) -> None:
        """A listener for the cluster map."""
        self._static.cluster_changed(cluster)

    def start(self, tasks: Tasks) -> None:
        """Begin to show what may be shown."""
        tasks.start("static offload", self._static.run())
        if self._static.shows_derivatives:
            tasks.start("scrub of derivatives", self._derivatives.run())
