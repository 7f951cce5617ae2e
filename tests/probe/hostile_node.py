"""One real node that takes the corpus and serves what it took, and how it fared meanwhile."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from node_fixture import BUCKET, Answer, NodeProcess
from public_bucket import open_bucket

from atoll.bucket import Bucket

_LOOK_SECONDS = 0.02
LONGEST_BLOCK = 0.05  # seconds that the event loop may compute at a stretch


def open_to_anybody(node: NodeProcess) -> None:
    """The bucket serves any transformation unsigned: the worst case."""
    open_bucket(node, Bucket(BUCKET, unsigned_transformations=True))


def verdict(answer: Answer) -> str:
    """What an upload was answered, in the corpus's words."""
    return "accepted" if answer.status == 201 else str(answer.json["type"]).rpartition(":")[2]


def incoming(node: NodeProcess) -> list[str]:
    """Temporary files of uploads and of renderings."""
    return sorted(path.name for path in (node.data / "incoming").iterdir())


def blocks(node: NodeProcess, seconds: float = LONGEST_BLOCK) -> int:
    """How often so far the event loop itself computed for longer than that while others waited."""
    text = node.request("GET", "/metrics").json.decode()
    name = "atoll_loop_busy_seconds"
    total = re.search(rf"^{name}_count (\S+)$", text, re.MULTILINE)
    within = re.search(rf'^{name}_bucket{{le="{seconds}"}} (\S+)$', text, re.MULTILINE)
    assert total, text[:2000]
    assert within, text[:2000]
    return int(float(total[1]) - float(within[1]))


@dataclass
class Memory:
    """The most resident bytes of the node's own process, and of any one worker, as seen by looking often."""

    process: psutil.Process
    own: int = 0
    worker: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Until `stop`."""
        while not self._done.wait(_LOOK_SECONDS):
            self.own = max(self.own, self.process.memory_info().rss)
            for child in self.process.children():
                with contextlib.suppress(psutil.NoSuchProcess):  # replaced just now
                    self.worker = max(self.worker, child.memory_info().rss)

    def stop(self) -> None:
        """End `watch`."""
        self._done.set()


@contextlib.contextmanager
def watched(node: NodeProcess) -> Iterator[Memory]:
    """Memory, sampled while the block runs."""
    assert node.process is not None
    memory = Memory(psutil.Process(node.process.pid))
    thread = threading.Thread(target=memory.watch, name="memory")
    thread.start()
    try:
        yield memory
    finally:
        memory.stop()
        thread.join()
