"""The folders right below another one, read from the names alone. I/O. Part of `Catalog`.

No folder is stored: it is there while a public_id has it before a slash. One walk of the name index, which
leaps over what lies in each folder it meets, so a folder costs one small read however much is in it. Images
that lie beside the folders have to be passed one by one, in ever larger pages; `looked` bounds how many.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from query_service.catalog_windows import first_beyond
from query_service.mongo_driver import MongoDatabase

_FEW, _MANY = 20, 1000  # names in one read: after a folder, and where there is none
_NAME_ONLY = {"_id": 0, "public_id": 1}


class FolderPage(NamedTuple):
    """Names without the slash, in order. `complete`: these are all."""

    names: tuple[str, ...]
    complete: bool


class Folders:
    """The reading of folders."""

    _mongo: MongoDatabase

    def _reading(self) -> AbstractAsyncContextManager[None]:
        """A read's deadline and circuit: Catalog's."""
        raise NotImplementedError

    async def folders(self, bucket: str, prefix: str, most: int, looked: int) -> FolderPage:
        """Up to `most` folders below `prefix` ("" or with a slash at its end), at up to `looked` names."""
        found: list[str] = []
        low: dict[str, str] = {"$gte": prefix}
        page = _FEW
        async with self._reading():
            while looked > 0:
                names = await self._names(bucket, prefix, low, page)
                looked -= len(names)
                folder = next((f for f in (_folder(n, prefix) for n in names) if f is not None), None)
                if folder is None and len(names) < page:
                    return FolderPage(tuple(found), complete=True)
                if folder is not None and len(found) == most:
                    break
                if folder is not None:
                    found.append(folder)
                    low, page = {"$gte": f"{prefix}{folder}{_BEHIND_SLASH}"}, _FEW
                else:
                    low, page = {"$gt": names[-1]}, min(_MANY, page * 2)
        return FolderPage(tuple(found), complete=False)

    async def _names(self, bucket: str, prefix: str, low: dict[str, str], limit: int) -> list[str]:
        end = first_beyond(prefix)
        window = low if end is None else {**low, "$lt": end}
        cursor = self._mongo.collection("assets").find({"bucket": bucket, "public_id": window}, _NAME_ONLY)
        documents = await cursor.sort([("bucket", 1), ("public_id", 1)]).limit(limit).to_list(None)
        return [document["public_id"] for document in documents]


_BEHIND_SLASH = chr(ord("/") + 1)  # what is least among all that come behind everything in the folder


def _folder(name: str, prefix: str) -> str | None:
    """The folder below `prefix` that a name is in; None: it lies beside them."""
    folder, slash, _ = name[len(prefix) :].partition("/")
    return folder if slash else None
