"""Atoll: a self-hosted mini-CDN for images.

What all daemons must agree on lives here (words, wire types, signatures, placement), beside the client
and the ``atoll`` command. Pure modules do no I/O; the others are listed in docs/architecture.md.
"""

from atoll.version import __version__

__all__ = ["__version__"]
