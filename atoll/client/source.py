"""Bytes to upload: a file, an open file object or bytes, readable more than once. I/O in threads.

Every try reads from the start, so a stream that cannot be rewound is first spooled to a temporary file.
Memory stays constant: one piece at a time. The hash is of what was really read.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from atoll.client.data_uri import data_of, is_data_uri
from atoll.client.own_thread import in_own_thread
from atoll.errors import AtollError, BadName, BodyMismatch
from atoll.names import check_filename

PIECE_BYTES = 256 * 1024
SPOOL_IN_MEMORY_BYTES = 4 * 2**20
UNKNOWN_TYPE = "application/octet-stream"
CONTENT_TYPE_OF = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heic",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


class FileUnusable(AtollError):
    """A file on this machine cannot be read or written; the cluster has no part in it."""

    status = 400
    slug = "file-unusable"
    title = "The local file cannot be used"


class FileChanged(BodyMismatch):
    """A file became shorter while it was read: nobody's request is wrong, and another time it may do."""

    slug = "file-changed"
    title = "The local file changed while it was read"


@contextmanager
def local_file(what: object) -> Iterator[None]:
    """Raise `FileUnusable` for what the operating system says about a local file."""
    try:
        yield
    except OSError as error:
        raise unusable(error, what) from error


def unusable(error: OSError, what: object) -> FileUnusable:
    """The error that says so. A path need not be text; what is told of it is."""
    path = os.fsencode(str(what)).decode(errors="replace")
    return FileUnusable(f"{path}: {error.strerror or error}", path=path)


def not_plain(path: str | os.PathLike[str]) -> FileUnusable:
    """The error of what is neither a file nor leads to one: a pipe is opened only when it is named itself."""
    printed = os.fsencode(path).decode(errors="replace")
    return FileUnusable(f"{printed}: is no plain file.", path=printed)


def content_type_of(filename: str | None) -> str:
    """The content type that a name's extension declares; the node looks at the bytes anyway."""
    extension = (filename or "").rpartition(".")[2].lower()
    return CONTENT_TYPE_OF.get(extension, UNKNOWN_TYPE)


def remark_of(path: Path) -> str | None:
    """The file's own name if it can be kept as the asset's `filename`, else None."""
    try:
        return check_filename(path.name)
    except BadName:
        return None


class Body:
    """`size` bytes of `file` from `start` on. `sha256` is set once they were all read."""

    def __init__(self, file: IO[bytes], start: int, size: int, filename: str | None) -> None:
        self.size, self.filename = size, filename
        self.content_type = content_type_of(filename)
        self.sha256: str | None = None
        self.error: AtollError | None = None
        self._file, self._start = file, start
        self._reading = threading.Lock()

    async def pieces(self, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
        """All bytes from the start; `sent` is told how many have been handed over.

        Raises `FileChanged` when the file no longer has `size` bytes, `FileUnusable` when it cannot be
        read; `error` keeps either, because the HTTP library replaces what a body raises.
        """
        try:
            async for piece in self._pieces(sent):
                yield piece
        except AtollError as error:
            self.error = error
            raise

    async def _pieces(self, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
        digest, done = hashlib.sha256(), 0
        while done < self.size:
            piece = await asyncio.to_thread(self._read, done, digest.update)
            if not piece:
                raise FileChanged("The file became shorter while it was read.", limit=self.size, got=done)
            yield piece
            done += len(piece)
            sent(done)
        self.sha256 = digest.hexdigest()

    def _read(self, done: int, hashing: Callable[[bytes], None]) -> bytes:
        # A try that was given up may still have a read under way in its thread: every read says where
        # it reads, so that none moves another's position.
        with self._reading, local_file(self.filename or "source"):
            self._file.seek(self._start + done)
            piece = self._file.read(min(PIECE_BYTES, self.size - done))
        hashing(piece)
        return piece

    async def digest(self) -> str:
        """The SHA-256 (hex) of the bytes; reads them once if that has not been done."""
        if self.sha256 is None:
            async for _ in self.pieces(lambda _: None):
                pass
        assert self.sha256 is not None
        return self.sha256


@asynccontextmanager
async def open_body(source: Source, filename: str | None = None) -> AsyncIterator[Body]:
    """`source` as a body to send. A file object is read from where it stands, and not closed.

    `filename` becomes the asset's remark; a path gives its own name. A string that begins with `data:` is
    a data URI. Raises `FileUnusable`, `BadName`, `NotAnImage`.
    """
    declared: str | None = None
    if isinstance(source, str) and is_data_uri(source):
        declared, source = await asyncio.to_thread(data_of, source)
    if filename is not None:
        filename = check_filename(filename)
    elif isinstance(source, (str, os.PathLike)):
        filename = remark_of(Path(source))
    file, owned = await in_own_thread(lambda: _open(source))
    try:
        start, size = await asyncio.to_thread(_extent, file)
        body = Body(file, start, size, filename)
        body.content_type = declared or body.content_type
        yield body
    finally:
        if owned:
            await asyncio.to_thread(file.close)


def _open(source: Source) -> tuple[IO[bytes], bool]:
    """A file object that can be rewound, and whether it is ours to close."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source), True
    if isinstance(source, (str, os.PathLike)):
        with local_file(source):
            file: IO[bytes] = Path(source).open("rb")  # noqa: SIM115 - the caller closes it
        return (file, True) if _can_rewind(file) else (_spooled(file, close=True), True)
    return (source, False) if _can_rewind(source) else (_spooled(source, close=False), True)


def _can_rewind(file: IO[bytes]) -> bool:
    try:
        return file.seekable()
    except AttributeError:  # a minimal stream that only reads
        return False


def _spooled(stream: IO[bytes], *, close: bool) -> IO[bytes]:
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        with local_file(getattr(stream, "name", "stream")):
            while piece := stream.read(PIECE_BYTES):
                spool.write(piece)
            spool.seek(0)
    except BaseException:
        spool.close()
        raise
    finally:
        if close:
            stream.close()
    return spool


def _extent(file: IO[bytes]) -> tuple[int, int]:
    """Where the bytes begin and how many there are."""
    with local_file(getattr(file, "name", "source")):
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    return start, max(0, end - start)
