"""Where the faces are, by a Haar cascade of OpenCV: the optional extra `atoll[faces]`.

Loaded only in an inspection worker, before it is shut in; the daemon asks `extra` and loads nothing. The
cascade comes with OpenCV's own wheel. It knows faces that look at the camera, upright and not covered, from a
thirteenth of the longer side on; it misses profiles, and now and then takes a pattern for a face. A neural
detector would do better, but no package carries its model, and OpenCV's own would have to be fetched.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from atoll.model import MAX_FACES, Face
from storage_node.looks.small import grey_copy

SIDE = 320  # of the copy that is searched; twice as much takes four times as long
_LEAST = 24  # pixels of a face on the copy; the cascade was trained on 20
_STEP = 1.15  # from one size searched for to the next
_WITNESSES = 5  # overlapping finds that make a face


class FaceFinder:
    """Finds faces in loaded pictures; made once in a worker's life."""

    def __init__(self, cascade: Path) -> None:
        import cv2
        import numpy

        cv2.setNumThreads(1)
        cv2.ocl.setUseOpenCL(False)
        self._cv2, self._numpy = cv2, numpy
        self._cascade = cv2.CascadeClassifier(str(cascade))

    def __call__(self, image: Image.Image, turn: int) -> tuple[Face, ...] | None:
        """The largest faces, largest first, of a picture that EXIF's `turn` still has to be applied to.

        None: it could not be looked at, which is no reason to refuse a picture.
        """
        copy = grey_copy(image, turn, SIDE)
        if copy is None:
            return None
        if min(copy.size) < _LEAST:
            return ()
        try:
            boxes = self._boxes(copy)
        except self._cv2.error:
            return None
        boxes.sort(key=lambda box: box[2] * box[3], reverse=True)
        return tuple(_face(box, copy.size) for box in boxes[:MAX_FACES])

    def _boxes(self, copy: Image.Image) -> list[tuple[int, int, int, int]]:
        even = self._cv2.equalizeHist(self._numpy.asarray(copy))
        found = self._cascade.detectMultiScale(even, _STEP, _WITNESSES, minSize=(_LEAST, _LEAST))
        return [(int(x), int(y), int(wide), int(high)) for x, y, wide, high in found]


def _face(box: tuple[int, int, int, int], size: tuple[int, int]) -> Face:
    left, top, wide, high = box
    return Face(_share(left, size[0]), _share(top, size[1]), _share(wide, size[0]), _share(high, size[1]))


def _share(length: int, whole: int) -> float:
    return min(1.0, max(0.0, round(length / whole, 4)))
