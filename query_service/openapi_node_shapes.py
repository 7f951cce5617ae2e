"""Every name in a path, a query string or a header of what nodes offer, for the OpenAPI document. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from query_service.openapi import Parameter

_Blob = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\.[a-z]+$")]
_SOME = f"{'9f86d081' * 8}.jpg"

NODE_PARAMETERS: dict[str, Parameter] = {
    "ticket": Parameter("The ticket, as in its `upload_url`."),
    "file": Parameter(
        "Which file of a ticket for several this request brings, from 0.", Annotated[int, Meta(ge=0)]
    ),
    "token": Parameter("As in the Location of the creation."),
    "id": Parameter("The upload's id, as in that Location."),
    "bucket": Parameter("The bucket.", example="photos"),
    "set": Parameter("The set that holds the image.", example="main"),
    "blob": Parameter("The image's SHA-256, and the extension of its type.", _Blob, example=_SOME),
    "transformation": Parameter(
        "One or more components, each a segment: `c_fill,h_200,w_200/f_auto`.", example="c_fill,h_200,w_200"
    ),
    "name": Parameter("The file's name, as in its URL."),
    "net": Parameter("Of a signature: the network that it is for.", example="203.0.113.0/24"),
    "exp": Parameter("Of a signature: when it ends, in Unix seconds.", Annotated[int, Meta(ge=1)]),
    "key": Parameter("Of a signature: which key made it."),
    "sig": Parameter("Of a signature: the signature."),
    "X-Atoll-Filename": Parameter("The file's name, percent-encoded UTF-8.", example="beach.jpg"),
    "If-None-Match": Parameter("Answer 304 if the bytes still have this ETag."),
    "If-Match": Parameter("Answer 412 if they have not this one."),
    "Range": Parameter("Only these bytes.", example="bytes=0-1023"),
    "Accept": Parameter("Which formats `f_auto` may answer.", example="image/avif,image/webp"),
    "Tus-Resumable": Parameter("1.0.0", example="1.0.0"),
    "Upload-Length": Parameter("Bytes of the whole.", Annotated[int, Meta(ge=1)], example=1048576),
    "Upload-Offset": Parameter("Where these bytes begin.", Annotated[int, Meta(ge=0)], example=0),
    "Upload-Metadata": Parameter("Pairs of key and base64: filename, filetype.", example="filename YS5qcGc="),
    "Upload-Checksum": Parameter(
        "Algorithm and base64 digest of this request's bytes.",
        example="sha256 n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
    ),
    "Upload-Concat": Parameter("partial, or `final;` and the URLs of the parts.", example="partial"),
}  # fmt: skip
