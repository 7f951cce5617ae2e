"""The parts of a client that move bytes, as work with whole folders uses them."""

from __future__ import annotations

from typing import NamedTuple

from atoll.client.download import Downloader
from atoll.client.resolving import Resolving
from atoll.client.upload import Uploader


class FolderParts(NamedTuple):
    """One client's."""

    uploader: Uploader
    resolving: Resolving
    downloader: Downloader
