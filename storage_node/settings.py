"""The settings of a storage node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atoll import names
from atoll.client_address import FORWARDED_FOR
from atoll.daemon_settings import DaemonSettings, check_networks
from atoll.node_api import MAX_TRASH_SECONDS
from atoll.settings import Bytes, setting
from storage_node.job_settings import JobSettings
from storage_node.offload_settings import OffloadSettings
from storage_node.one_core import ANY

KIB, MIB, GIB = 2**10, 2**20, 2**30
# Not longer than a used ticket is remembered after it expired (index_ops.py): a resumable upload that was
# begun with a ticket may end after the ticket did, and must still find out that other bytes were stored with
# it.
MAX_TUS_EXPIRY_SECONDS = 86_400


def _check_formats(value: tuple[str, ...]) -> object:
    return [names.check_extension(name) for name in value]


@dataclass(frozen=True, kw_only=True)
class NodeSettings(JobSettings, OffloadSettings, DaemonSettings):
    """What a storage node needs beyond what every daemon has."""

    set: str = setting("The replica set this node belongs to.", check=names.check_set)
    public_url: str = setting("How clients and peers reach this node, e.g. https://eu1.example.org")
    data_dir: Path = setting("Directory with blobs and index; one file system, owned by this node alone.")
    region_lat: float | None = setting(
        "Latitude of the region in degrees; announces the region if the map lacks it.",
        default=None,
        low=-90,
        high=90,
    )
    region_lon: float | None = setting(
        "Longitude of the region in degrees; see region_lat.", default=None, low=-180, high=180
    )
    nats_region_domain: str | None = setting(
        "JetStream domain of this region, when it has its own (docs/nats.md); the map tells the others.",
        default=None,
        check=names.check_region,
    )

    max_upload_bytes: Bytes = setting("Largest image taken.", default=Bytes(64 * MIB), low=1)
    max_files: int = setting("Most files in one request.", default=1000, low=1, high=10_000)
    max_pixels: int = setting("Most pixels of an image, all frames together.", default=50_000_000, low=1)
    max_frames: int = setting("Most frames of an animation.", default=60, low=1)
    max_parts: int = setting(
        "Most parts of an image's container: chunks, segments, blocks, strips.", default=65_536, low=100
    )
    max_scans: int = setting("Most scans of a JPEG.", default=100, low=1)
    max_uploads: int = setting("Uploads under way at once; more get 503.", default=256, low=1)
    upload_idle_seconds: float = setting("Longest silence in an upload's body.", default=15.0, low=0.1)
    upload_min_bytes_per_second: int = setting(
        "An upload slower than this, after a grace of upload_idle_seconds, gets 408.", default=8 * KIB, low=1
    )
    tus_max_uploads: int = setting(
        "Resumable uploads that may be unfinished at once; more get 503. 0: none is taken.",
        default=1000,
        low=0,
        high=100_000,
    )
    tus_max_bytes: Bytes = setting(
        "Most bytes that unfinished resumable uploads may have when complete, all together.",
        default=Bytes(8 * GIB),
        low=1,
    )
    tus_max_parts: int = setting(
        "Most parts of a resumable upload that is sent in parts (concatenation).",
        default=16,
        low=1,
        high=64,
    )
    tus_max_metadata: int = setting(
        "Most characters of the Upload-Metadata of a resumable upload.", default=4096, low=0, high=8000
    )
    tus_expiry_seconds: int = setting(
        "How long after its begin a resumable upload may be gone on with.",
        default=MAX_TUS_EXPIRY_SECONDS,
        low=1,
        high=MAX_TUS_EXPIRY_SECONDS,
    )
    ingest_threads: int = setting(
        "Threads that write and fsync uploads and pulls.", default=32, low=1, high=256
    )
    core: int = setting(
        "Processor core that the node's own threads stay on, its workers on any; -1: no choice is made.",
        default=ANY,
        low=ANY,
        high=1023,
    )
    workers: int = setting(
        "Processes of the node that serve its port, each with its own core's worth of work; above 1 on Linux"
        " only. 0: one for each core that the node may use.",
        default=1,
        low=0,
        high=64,
    )
    near_connections: bool = setting(
        "Whether a connection goes to the process on the core that took it in; with `workers` and `core`, on"
        " Linux from 6.2 on. For network cards with a queue for each core: with one, one process gets all.",
        default=False,
    )
    forget_seconds: float = setting(
        "Longest that a delete waits for a process of the node to forget the bytes; then that one is killed.",
        default=4.0,
        low=0.1,
        high=60,
    )
    inspectors: int = setting(
        "Worker processes that decode uploads to check them.", default=2, low=1, high=64
    )
    inspect_seconds: float = setting(
        "Longest time for checking one image; four fifths of it of processor time.", default=10.0, low=0.1
    )
    inspect_memory: Bytes = setting(
        "Memory limit of one checking process.", default=Bytes(GIB), low=256 * MIB
    )

    faces: str = setting(
        "Search uploads for faces, for g_face: auto (if the extra atoll[faces] is installed), off, required.",
        default="auto",
        choices=("auto", "off", "required"),
    )

    trusted_proxies: tuple[str, ...] = setting(
        "Networks (CIDR) of proxies before this node, whose word on a client's address is believed.",
        default=(),
        check=check_networks,
    )
    client_address_header: str = setting(
        "Header in which they write it; of a list the last address that is none of theirs.",
        default=FORWARDED_FOR,
    )

    reserve_bytes: Bytes = setting(
        "Free space kept: below it the node is read-only (507).", default=Bytes(GIB), low=0
    )
    capacity_bytes: Bytes | None = setting(
        "Space this node may use, when that is less than its file system.", default=None, low=1
    )

    ram_cache_bytes: Bytes = setting("Memory for hot blobs.", default=Bytes(256 * MIB), low=0)
    ram_cache_max_blob_bytes: Bytes = setting("Largest blob kept in memory.", default=Bytes(MIB), low=0)
    derivative_bytes: Bytes = setting(
        "Disk space for derivatives; above it those asked for least and made fastest leave. 0: none.",
        default=Bytes(10 * GIB),
        low=0,
    )
    renderers: int = setting(
        "Worker processes that make derivatives; started when the first one is asked for.",
        default=2,
        low=1,
        high=64,
    )
    render_queue: int = setting(
        "Derivatives that may wait for a worker; more get 429.", default=64, low=1, high=10_000
    )
    render_queue_seconds: float = setting(
        "Longest wait for a worker; then 429.", default=5.0, low=0.1, high=60
    )
    render_seconds: float = setting(
        "Longest time for making one derivative; four fifths of it of processor time.",
        default=10.0,
        low=0.1,
    )
    render_memory: Bytes = setting(
        "Memory limit of one rendering process.", default=Bytes(GIB), low=256 * MIB
    )
    render_niceness: int = setting(
        "How far making derivatives steps back for all else while cores are scarce; at 0 not at all.",
        default=0,
        low=0,
        high=19,
    )
    text_fonts: Path | None = setting("Directory of fonts, family[-bold][-italic].ttf or .otf.", default=None)
    render_sources: tuple[str, ...] = setting(
        "Formats of stored images that derivatives are made of.",
        default=names.EXTENSIONS,
        check=_check_formats,
    )
    max_side: int = setting("Longest side of a derivative, in pixels.", default=4096, low=1, high=16_383)
    max_components: int = setting("Most components of one transformation.", default=8, low=1, high=64)
    max_layers: int = setting("Most layers of one transformation.", default=3, low=0, high=16)
    max_frame_pixels: int = setting(
        "Most pixels of an animation's result, all frames together.", default=50_000_000, low=1
    )
    max_art_pixels: int = setting(
        "Most pixels that a filter of e_art takes; each million is most of a second.",
        default=4_200_000,
        low=1,
    )
    avif_inline_pixels: int = setting(
        "Under f_auto a larger AVIF is made in the background, and the next best format served meanwhile.",
        default=800_000,
        low=0,
    )
    avif_queue: int = setting("AVIFs that may wait to be made in the background.", default=256, low=0)
    derived_max_age_seconds: int = setting(
        "How long clients may keep a derivative that a name, a layer or a fallback may change.",
        default=3600,
        low=0,
    )
    owner_seconds: float = setting(
        "Longest silence of the node of the region that makes a derivative for all; then it is made here.",
        default=1.0,
        low=0.05,
    )
    owner_asks: int = setting(
        "Derivatives that one other node is asked for at once; beyond, they are made here.",
        default=16,
        low=1,
        high=1024,
    )
    ram_targets_bytes: Bytes = setting(
        "Memory for URLs of derivatives that were checked and may be answered from memory at once.",
        default=Bytes(8 * MIB),
        low=0,
    )
    eager_queue: int = setting(
        "Derivatives to be made after uploads that may wait; more are made when first asked for.",
        default=1000,
        low=0,
        high=1_000_000,
    )
    index_check_bytes: Bytes = setting(
        "An index.db up to this size is read through before the node serves, a larger one while it does.",
        default=Bytes(64 * MIB),
        low=0,
    )
    reader_threads: int = setting("Threads that read and verify blobs from disk.", default=8, low=1, high=256)
    peer_read_seconds: float = setting("Longest silence of a peer that sends a blob.", default=3.0, low=0.1)
    max_pulls: int = setting("Pulls from peers under way at once.", default=48, low=1, high=1024)
    durability_seconds: float = setting(
        "Longest wait for other regions when an upload asks for them; then 202.", default=10.0, low=0.1
    )
    outbox_batch: int = setting(
        "Events published before their acknowledgements are noted.", default=256, low=1
    )
    trash_seconds: int = setting(
        "How long deleted bytes stay in the trash, for a restore; 0 erases at once.",
        default=86_400,
        low=0,
        high=MAX_TRASH_SECONDS,
    )
    moved_seconds: int = setting(
        "How long bytes stay at least, in seconds, when their rename is heard of before the records of the "
        "other name.",
        default=600,
        low=1,
        high=604_800,
    )
    scrub_seconds: float = setting(
        "Every blob is read and hashed again within this time.", default=7 * 86_400.0, low=1
    )
    scrub_min_rate: Bytes = setting(
        "Scrub at least so many bytes a second, however little is held.", default=Bytes(MIB), low=1
    )
    scrub_max_rate: Bytes = setting(
        "Scrub at most so many bytes a second, however late it is.", default=Bytes(64 * MIB), low=1
    )
    scrub_decode_share: float = setting(
        "Share of the scrubbed pictures that are decoded as well, 0 to 1.", default=0.01, low=0, high=1
    )
    heartbeat_seconds: float = setting("Time between heartbeats.", default=1.0, low=0.1, high=2.0)
    saturated_milliseconds: float = setting(
        "A node whose loop is woken so late, in the mean of a second, says that it can take no more.",
        default=25.0,
        low=1.0,
        high=10_000.0,
    )
