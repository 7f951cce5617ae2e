"""What is asked about jobs, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import BadTransformation, Conflict, NotFound
from query_service.job_wire import JobList, JobOrder, JobView
from query_service.openapi import Answer, Operation

JOBS = (
    Operation(
        "POST",
        "/v1/jobs",
        "write",
        "Begin heavy work in the background: transform images, look at them again, or export them",
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
        {200: Answer("The job", JobView)},
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
