"""What is asked of a query service about buckets, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import BadTransformation, Conflict, PreconditionFailed
from query_service.bucket_end import BucketEndView
from query_service.bucket_match import KeptBucket
from query_service.buckets_api import BucketView
from query_service.cluster_wire import BucketOrder
from query_service.openapi import Answer, Operation
from query_service.openapi_shapes import BucketList

_ONE, _END = "/v1/buckets/{bucket}", "/v1/buckets/{bucket}/deletion"
_TAG = {"ETag": "Of the policy, as it is kept; what the bucket has is no part of it."}

BUCKETS = (
    Operation(
        "GET", "/v1/buckets", "read", "The buckets", {200: Answer("Buckets", BucketList)}, tag="cluster"
    ),
    Operation(
        "GET",
        _ONE,
        "read",
        "A bucket's policy, and how much is in it, asked of the nodes now",
        {200: Answer("The bucket", BucketView, headers=_TAG)},
        tag="cluster",
    ),
    Operation(
        "PUT",
        _ONE,
        "admin",
        "Make a bucket, or give it another policy",
        {200: Answer("Changed", KeptBucket, headers=_TAG), 201: Answer("Made", KeptBucket, headers=_TAG)},
        body=BucketOrder,
        tag="cluster",
        problems=(BadTransformation, Conflict, PreconditionFailed),
        request_headers=("If-Match",),
    ),
    Operation(
        "DELETE",
        _ONE,
        "admin",
        "Delete an empty bucket; with force everything in it first, which goes on behind the answer",
        {
            200: Answer("It was empty, and is gone", BucketEndView),
            202: Answer("Everything in it is being deleted; see its deletion", BucketEndView),
        },
        ("force", "trash_seconds"),
        tag="cluster",
        problems=(Conflict,),
    ),
    Operation(
        "GET",
        _END,
        "read",
        "How far the deletion of a bucket is; of one that is gone, what every node confirmed",
        {200: Answer("The deletion", BucketEndView)},
        tag="cluster",
    ),
)
