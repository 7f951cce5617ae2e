"""The name that a browser saves a derivative under (`fl_attachment`). Called by `derivative_delivery`."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath

from atoll.transformation.steps import Transformation
from storage_node.blob_address import BlobAddress
from storage_node.disk_calls import DiskReads
from storage_node.index_reads import IndexReads


class SavedAs:
    """`reads` has the threads that read."""

    def __init__(self, index: IndexReads, reads: DiskReads) -> None:
        self._index, self._reads = index, reads

    async def name(self, transformation: Transformation, address: BlobAddress) -> str | None:
        """Without its extension; None when it is to be shown and not saved.

        The name that the URL gives, else that of the uploaded file or asset, else the blob's own.
        """
        said = transformation.delivery.attachment
        if said is None or said:
            return said
        sha256 = address.handle.sha256
        record = await self._reads.run(partial(self._index.record_of_blob, address.bucket, sha256))
        if record is None:
            return sha256
        return PurePosixPath(record.filename or record.public_id).stem or sha256
