"""What is asked about jobs and webhooks, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import BadTransformation, Conflict, NotFound, OutwardRefused
from query_service.hook_wire import DeliveryList, DeliveryView, HookList, HookOrder, HookView, MadeHook
from query_service.job_wire import JobList, JobOrder, JobView
from query_service.openapi import Answer, Operation

JOBS = (
    Operation(
        "POST",
        "/v1/jobs",
        "write",
        "Begin heavy work in the background: transform images, store what that makes of them as new versions,"
        " look at them again, or export them",
        {202: Answer("The job: all its tasks are queued", JobView)},
        body=JobOrder,
        tag="jobs",
        problems=(NotFound, BadTransformation),
    ),
    Operation(
        "GET",
        "/v1/jobs",
        "read",
        "Jobs, the newest first",
        {200: Answer("One page", JobList)},
        query=("bucket", "limit", "cursor"),
        tag="jobs",
    ),
    Operation(
        "GET", "/v1/jobs/{job}", "read", "How far a job is", {200: Answer("The job", JobView)}, tag="jobs"
    ),
    Operation(
        "DELETE",
        "/v1/jobs/{job}",
        "write",
        "Cancel a job: what is queued is forgotten, what is under way is let go of",
        {200: Answer("The job; without `files` for a key that lacks the scope `read`", JobView)},
        tag="jobs",
        problems=(Conflict,),
    ),
    Operation(
        "GET",
        "/v1/jobs/{job}/events",
        "read",
        "A job's progress as server-sent events, until it has ended",
        {200: Answer("Events `progress` and `end`, each with the whole job", media="text/event-stream")},
        tag="jobs",
    ),
)

WEBHOOKS = (
    Operation(
        "POST",
        "/v1/webhooks",
        "admin",
        "Have events sent to a URL, signed; the secret is shown this once",
        {201: Answer("The endpoint and its secret", MadeHook)},
        body=HookOrder,
        tag="webhooks",
        problems=(OutwardRefused,),
    ),
    Operation(
        "GET",
        "/v1/webhooks",
        "admin",
        "The endpoints that events are sent to",
        {200: Answer("The endpoints", HookList)},
        tag="webhooks",
    ),
    Operation(
        "DELETE",
        "/v1/webhooks/{hook}",
        "admin",
        "Send nothing more to an endpoint, and forget its log",
        {200: Answer("The endpoint that was", HookView)},
        tag="webhooks",
    ),
    Operation(
        "GET",
        "/v1/webhooks/{hook}/deliveries",
        "admin",
        "What was sent to an endpoint and what waits, the newest first",
        {200: Answer("One page", DeliveryList)},
        query=("limit", "cursor"),
        tag="webhooks",
    ),
    Operation(
        "POST",
        "/v1/webhooks/{hook}/deliveries/{delivery}/redeliver",
        "admin",
        "Send a delivery once more",
        {202: Answer("The delivery", DeliveryView)},
        tag="webhooks",
    ),
)
