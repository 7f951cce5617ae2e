"""What a power cut leaves of a volatile disk: all that is stable, and by chance some of what is not. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from volatile_disk import Entry, File, Folder, VolatileDisk

_PAGE = 4096  # bytes; what the kernel writes back by itself, in any order


def after_the_cut(disk: VolatileDisk, chance: random.Random | None = None) -> VolatileDisk:
    """The disk as the next start finds it; `disk` is not to be used any more.

    With `chance` each unsynced name and page was, or was not, written back by itself: what a program
    did not order may happen all the same, and in any order.
    """
    if chance is not None:
        _write_back(disk, chance)
    after = VolatileDisk()
    root = _revived(disk.root, after.number)
    assert isinstance(root, Folder)
    after.root = root
    return after


def _write_back(disk: VolatileDisk, chance: random.Random) -> None:
    folders = list(_folders(disk.root, set()))
    files = {id(e): e for f in folders for e in (*f.live.values(), *f.stable.values()) if isinstance(e, File)}
    for file in files.values():
        file.stable = _mixed(file.stable, bytes(file.live), chance)
    for folder in folders:
        for name, entry in folder.live.items():
            if folder.stable.get(name) is not entry and chance.random() < 0.5:
                folder.stable[name] = entry
    # A name that was moved away goes by itself only when the new one is there: no journal splits renames.
    alive = {id(e) for f in folders for e in f.live.values()}
    written = {id(f.stable[n]) for f in folders for n in f.live if n in f.stable}
    for folder in folders:
        for name in [name for name in folder.stable if name not in folder.live]:
            moved = id(folder.stable[name])
            if (moved not in alive or moved in written) and chance.random() < 0.5:
                del folder.stable[name]


def _folders(folder: Folder, seen: set[int]) -> Iterator[Folder]:
    """All folders that can be reached by live or stable names, once each."""
    if folder.number in seen:
        return
    seen.add(folder.number)
    yield folder
    for entry in (*folder.live.values(), *folder.stable.values()):
        if isinstance(entry, Folder):
            yield from _folders(entry, seen)


def _mixed(stable: bytes, live: bytes, chance: random.Random) -> bytes:
    """Each page old or new, the length one of the two."""
    mixed = bytearray(stable)
    if len(live) != len(stable) and chance.random() < 0.5:
        del mixed[len(live) :]
        mixed.extend(bytes(len(live) - len(mixed)))
    for start in range(0, min(len(mixed), len(live)), _PAGE):
        end = min(start + _PAGE, len(mixed), len(live))
        if chance.random() < 0.5:
            mixed[start:end] = live[start:end]
    return bytes(mixed)


def _revived(entry: Entry, number: Callable[[], int]) -> Entry:
    """A copy of what is stable in `entry`. What a half-stable rename left under two names is two files."""
    if isinstance(entry, File):
        return File(number(), bytearray(entry.stable), entry.stable, links=1)
    copy = Folder(number())
    copy.stable = {name: _revived(held, number) for name, held in entry.stable.items()}
    copy.live = dict(copy.stable)
    return copy
