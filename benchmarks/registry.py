"""The benchmarks by name. Add a file with `run(ctx) -> Result`, and a line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from benchmarks import (
    backfill,
    cold_get,
    cold_start,
    compare,
    direct,
    hot_get,
    images,
    images_again,
    images_memory,
    lag,
    many_uploads,
    offload,
    replication,
    resolve,
    stalls,
    upload,
    upload_memory,
    upload_workers,
    web_app,
    workers,
)
from benchmarks.context import Context
from benchmarks.result import Result
from benchmarks.scale import bench as scale
from benchmarks.scale import catalog_growth


class Benchmark(NamedTuple):
    """What to run, and what to say of it: a line for --list, and for the page what it is measured against
    and what limits it. `long`: not among those that are run when nobody says which."""

    run: Callable[[Context], Awaitable[Result]]
    about: str
    peer: str
    limits: str
    long: bool = False


BENCHMARKS: Mapping[str, Benchmark] = {
    "backfill": Benchmark(
        backfill.run,
        "waits of readers on a node that its peers fill, against the same node when it is whole",
        "the same reads in the same run, when there is nothing to fill",
        "The processor: peers, replicators and engines share the cores with the node, which hashes, fsyncs"
        " and commits each copy beside its readers.",
        long=True,
    ),
    "catalog": Benchmark(
        catalog_growth.run_given,
        "CPU time of the catalog's operations against its size, on a MongoDB that is given (--mongodb URL)",
        "itself at a thirtieth of the size",
        "Indexes: a look-up, a page and a write are a walk down trees; an order that the server does not take"
        " from an index is sorted.",
        long=True,
    ),
    "cold_get": Benchmark(
        cold_get.run,
        "GETs of blobs that are in no memory, each checked against its name",
        "a bare loop on one core that reads, hashes and sends the same files",
        "One core: reading and hashing are a third of it, as in the peer; the rest is aiohttp's request and"
        " answer, a look into the index, and the hand-over to the thread that reads.",
    ),
    "cold_start": Benchmark(
        cold_start.run,
        "the start of a node with a million blobs in its index, to the first picture it serves",
        "nothing: an absolute figure",
        "Python: importing the node's modules, and starting the workers that look at uploads.",
    ),
    "compare": Benchmark(
        compare.run,
        "bytes and questions to compare two nodes of a million blobs, equal and not",
        "nothing: an absolute figure",
        "The fan-out of 256: a difference costs one branch and one leaf of each tree from either side.",
        long=True,
    ),
    "direct": Benchmark(
        direct.run,
        "five pictures from 50 ms away, straight to a node and through a backend that forwards them",
        "a backend that takes each picture whole and hands it on",
        "Round trips: two connections, a ticket and the upload, and what TCP's slow start adds to 80 KB.",
        long=True,
    ),
    "hot_get": Benchmark(
        hot_get.run,
        "hot GETs of blobs and derivatives from one node's process",
        "aiohttp's low-level server with the bytes in memory, nginx, aiohttp's `FileResponse`; each on the"
        " same core in turn",
        "One core: aiohttp's parsing of the request. `FileResponse` opens the file in a thread each time.",
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
        long=True,
    ),
    "images_memory": Benchmark(
        images_memory.run,
        "memory of a node with its workers while it takes and renders a JPEG of 36 megapixels",
        "nothing: an absolute figure",
        "The largest derivative there is, 4,096 pixels wide: the decoder has no scale between half and whole,"
        " so the picture is decoded whole (145 MB) beside its result (45 MB). Smaller ones need little.",
        long=True,
    ),
    "lag": Benchmark(
        lag.run,
        "from 201 to durable in all regions, at 100 uploads a second",
        "nothing: an absolute figure",
        "The processor: three regions with their engines and the client share the cores of one machine, and"
        " near their end whatever is to be done waits for a core. About half of it is the nodes' work: two"
        " HTTP requests, two jobs for threads and one commit for each copy.",
        long=True,
    ),
    "many_uploads": Benchmark(
        many_uploads.run,
        "100,000 uploads of small JPEGs in one run: rate over time, memory, loss",
        "the first tenth of the same run",
        "The processor: nodes, replicators, engines and the client share two cores. Uploads come first,"
        " so copies are still made when the last upload is in, and rates rise while nobody copies.",
        long=True,
    ),
    "offload": Benchmark(
        offload.run,
        "hot GETs from nginx before a node, with the configuration in deploy/nginx",
        "nginx by itself, on the same files and the same core",
        "Nginx: a regular expression says whether it may serve a path and from which file, six headers more"
        " go out, and links are two more steps to a file. A derivative's path is longer to read.",
    ),
    "replication": Benchmark(
        replication.run,
        "copies of 80 KB blobs that one replicator has its node take, against uploads to one node; then their"
        " lag",
        "durable uploads to one node of the same cluster, in the same run",
        "The processor: for each copy two HTTP requests, hashing, fsyncs and a commit; there is no decoding,"
        " as in an upload. Both nodes share the cores, where each would have its own.",
        long=True,
    ),
    "resolve": Benchmark(
        resolve.run,
        "resolving from memory and from Redis, against a bare aiohttp handler",
        "a bare aiohttp handler that returns the same bytes",
        "One core: from memory, reading the request and sending the answer, as in the peer; the rest checks"
        " the key and orders the nodes. With Redis, aiohttp's router and answer, and the driver's share of a"
        " round trip that lookups of one moment have in common.",
    ),
    "scale": Benchmark(
        scale.run,
        "CPU time of one operation against the number of nodes, blobs and assets, with the exponent fitted",
        "itself at a thousandth of the size",
        "Trees and tables: an index of a thousand times the rows is a level or two deeper.",
        long=True,
    ),
    "stalls": Benchmark(
        stalls.run,
        "the longest that anything held the event loop of any daemon, under load",
        "nothing: an absolute figure",
        "The interpreter: what computes on a loop's thread is small, but collecting garbage takes all of it.",
    ),
    "upload": Benchmark(
        upload.run,
        "durable uploads of 80 KB to one node, against a bare fsync loop",
        "a bare loop that writes and fsyncs the same files and directories from 16 threads",
        "The processor where fsync is cheap: HTTP, hashing, a full decode, two commits and the handing over"
        " between threads share the cores with client and NATS; a bare server that only receives, hashes,"
        " decodes and writes has little more than the mark asks for, or less. Where fsync is dear, the disk.",
    ),
    "upload_workers": Benchmark(
        upload_workers.run,
        "durable uploads of 80 KB to a node of two processes, against a bare fsync loop",
        "a bare loop that writes and fsyncs the same files and directories from 16 threads",
        "The processor: on two cores a full decode of each picture alone leaves less than the mark (see the"
        " loop that also decodes, and the bare server of two processes), and a second process adds cores,"
        " not work done for less.",
    ),
    "workers": Benchmark(
        workers.run,
        "hot GETs from a node of two processes",
        "the same node of one process, with half of the cores",
        "The machine: two bare servers that share nothing gain as much. Connections that are dealt out among"
        " the processes wake one core from the other at each answer, which two virtual processors pay with"
        " a quarter to a half more for each; near ones stay on theirs.",
    ),
    "upload_memory": Benchmark(
        upload_memory.run,
        "memory of a node that takes 64 uploads of 20 MB at once",
        "nothing: an absolute figure",
        "The pieces of 64 bodies that are read and not written yet; each has a bound.",
        long=True,
    ),
    "web_app": Benchmark(
        web_app.run,
        "frames a second while 10,000 images are scrolled in Chromium, and the bytes of the first page",
        "nothing: an absolute figure",
        "The screen: there are 60 frames a second, and no more. A frame costs Chromium 9 to 14 ms of the"
        " processor here, a quarter of it copying pixels, for there is no graphics card; nodes that draw"
        " thumbnails meanwhile want the same cores.",
        long=True,
    ),
}
