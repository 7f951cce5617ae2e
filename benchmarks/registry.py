"""The benchmarks by name. Add a file with `run(ctx) -> Result`, and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from benchmarks import (
    backfill,
    compare,
    direct,
    hot_get,
    images,
    images_again,
    images_memory,
    lag,
    resolve,
    upload,
    upload_memory,
)
from benchmarks.context import Context
from benchmarks.result import Result


class Benchmark(NamedTuple):
    """What to run, and what to say of it: a line for --list, and for the page what it is measured against
    and what limits it."""

    run: Callable[[Context], Awaitable[Result]]
    about: str
    peer: str
    limits: str


BENCHMARKS: Mapping[str, Benchmark] = {
    "backfill": Benchmark(
        backfill.run,
        "waits of readers on a node that its peers fill, against the same node when it is whole",
        "the same reads in the same run, when there is nothing to fill",
        "The processor: peers, replicators and engines share the cores with the node, which hashes, fsyncs"
        " and commits each copy beside its readers.",
    ),
    "compare": Benchmark(
        compare.run,
        "bytes and questions to compare two nodes of a million blobs, equal and not",
        "nothing: an absolute figure",
        "The fan-out of 256: a difference costs one branch and one leaf of each tree from either side.",
    ),
    "direct": Benchmark(
        direct.run,
        "five pictures from 50 ms away, straight to a node and through a backend that forwards them",
        "a backend that takes each picture whole and hands it on",
        "Round trips: two connections, a ticket and the upload, and what TCP's slow start adds to 80 KB.",
    ),
    "hot_get": Benchmark(
        hot_get.run,
        "hot GETs from one node, against aiohttp's FileResponse",
        "aiohttp's `FileResponse` on the same file",
        "One core: aiohttp's parsing of the request. The peer opens the file in a thread each time.",
    ),
    "images": Benchmark(
        images.run,
        "making derivatives of photographs of 2,040 x 1,360, four formats, against thumbor",
        "thumbor from its wheel on the same files, result storage off",
        "The processor, in the same libraries on both sides: half of a JPEG's time is reading its source"
        " (entropy decoding), most of the others' is their encoder. The node saves on resizing, and spends"
        " 3 ms on what thumbor does not do. Where other programs use the cores, look at the CPU times: a"
        " server of more processes then gets more of them.",
    ),
    "images_again": Benchmark(
        images_again.run,
        "asking for a derivative again, against a stored picture of the same size; a hundred misses at once",
        "a hot GET of a blob with as many bytes from the same node",
        "One core, as for any hot GET: a derivative's path is checked once and then looked up in memory.",
    ),
    "images_memory": Benchmark(
        images_memory.run,
        "memory of a node with its workers while it takes and renders a JPEG of 36 megapixels",
        "nothing: an absolute figure",
        "The largest derivative there is, 4,096 pixels wide: the decoder has no scale between half and whole,"
        " so the picture is decoded whole (145 MB) beside its result (45 MB). Smaller ones need little.",
    ),
    "lag": Benchmark(
        lag.run,
        "from 201 to durable in all regions, at 100 uploads a second",
        "nothing: an absolute figure",
        "The processor: three regions with their engines and the client share the cores of one machine, and"
        " near their end whatever is to be done waits for a core. About half of it is the nodes' work: two"
        " HTTP requests, two jobs for threads and one commit for each copy.",
    ),
    "resolve": Benchmark(
        resolve.run,
        "resolving from memory and from Redis, against a bare aiohttp handler",
        "a bare aiohttp handler that returns the same bytes",
        "One core: half of it is aiohttp, as in the peer; the rest checks the key and orders the nodes. With"
        " Redis, the driver's share of a round trip that lookups of one moment have in common.",
    ),
    "upload": Benchmark(
        upload.run,
        "durable uploads of 80 KB to one node, against a bare fsync loop",
        "a bare loop that writes and fsyncs the same files and directories from 16 threads",
        "The processor where fsync is cheap: HTTP, hashing, a full decode, two commits and the handing over"
        " between threads share the cores with client and NATS. Where fsync is dear, the disk.",
    ),
    "upload_memory": Benchmark(
        upload_memory.run,
        "memory of a node that takes 64 uploads of 20 MB at once",
        "nothing: an absolute figure",
        "The pieces of 64 bodies that are read and not written yet; each has a bound.",
    ),
}
