"""A process that shows a volatile disk to the kernel and cuts its power; lossy_disk.py starts it.

    python disk_process.py MOUNTPOINT IMAGE      IMAGE: what the last cut left, and where this one leaves it

It is told what to do on standard input, a line each, and answers on standard output:

    arm PID N SEED WHERE   cut when N more changes have been made: the next one, an fsync too, does not come.
                           Counted are those with WHERE in their description ("/" is in all of them)
    arm-crash PID N SEED WHERE  the same, but only the process is killed and the power stays on
    crash PID              kill it now, unless that crash has come
    cut PID SEED           cut now
    (end of input)   the owner is gone, or wants no more: unmount and end

The cut is one instant: under the lock that all operations take, the process PID is killed, what is stable is
written to IMAGE, and from then on every operation fails. SEED 0 forgets all that was not synced; any other
lets chance write back some of it. One thread serves the kernel, so that changes have an order.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

from power import Order, Power
from shown_disk import Fuse, ShownDisk
from volatile_disk import VolatileDisk


def unmount(mountpoint: Path) -> None:
    """Whatever uses it; no complaint when it is not mounted."""
    subprocess.run(["fusermount3", "-u", "-z", str(mountpoint)], stderr=subprocess.DEVNULL, timeout=20)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _obey(power: Power, mountpoint: Path) -> None:
    for line in sys.stdin:
        match line.rstrip("\n").split(" ", 4):
            case ["arm", process, changes, seed, where]:
                power.arm(Order(int(changes), int(process), int(seed), where, crash=False))
                _say("armed")
            case ["crash", process]:
                power.crash(int(process), "when told to")
            case ["arm-crash", process, changes, seed, where]:
                power.arm(Order(int(changes), int(process), int(seed), where, crash=True))
                _say("armed")
            case ["cut", process, seed]:
                power.cut(int(process), int(seed), "when told to")
    unmount(mountpoint)
    os._exit(0)  # the serving thread may hang on a kernel that has nobody to ask for any more


def main(mountpoint: Path, image: Path) -> None:
    disk = pickle.loads(image.read_bytes()) if image.exists() else VolatileDisk()
    power = Power(disk, image, _say)
    threading.Thread(target=_obey, args=(power, mountpoint), name="orders", daemon=True).start()
    Fuse(ShownDisk(power), str(mountpoint), foreground=True, nothreads=True, hard_remove=True, use_ino=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
