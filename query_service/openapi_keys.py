"""What administrators ask about keys and records, as operations of the OpenAPI document. Pure."""

from __future__ import annotations

from atoll.errors import Conflict
from query_service.audit_api import AuditPage
from query_service.keys_wire import (
    KeyChange,
    KeyList,
    KeyOrder,
    KeyView,
    MadeKey,
    MadeSigningKey,
    SigningKeyChange,
    SigningKeyList,
    SigningKeyOrder,
    SigningKeyView,
)
from query_service.openapi import Answer, Operation
from query_service.upload_keys_wire import MadeUploadKey, UploadKeyList, UploadKeyOrder, UploadKeyView

KEYS = (
    Operation(
        "POST",
        "/v1/keys",
        "admin",
        "Make an API key, limited to scopes, buckets and prefixes; its secret is shown this once",
        {201: Answer("The key and its secret", MadeKey)},
        body=KeyOrder,
        tag="keys",
        problems=(Conflict,),
    ),
    Operation("GET", "/v1/keys", "admin", "The API keys", {200: Answer("The keys", KeyList)}, tag="keys"),
    Operation(
        "PATCH",
        "/v1/keys/{key}",
        "admin",
        "Change what an API key may do, or give it a new secret",
        {200: Answer("The key, and its secret if that is new", MadeKey)},
        body=KeyChange,
        tag="keys",
        problems=(Conflict,),
    ),
    Operation(
        "DELETE",
        "/v1/keys/{key}",
        "admin",
        "Revoke an API key, for good",
        {200: Answer("The key", KeyView)},
        tag="keys",
        problems=(Conflict,),
    ),
    Operation(
        "POST",
        "/v1/signing-keys",
        "admin",
        "Make a key that signs delivery URLs; it signs when every node has heard of it",
        {201: Answer("The key and its secret", MadeSigningKey)},
        body=SigningKeyOrder,
        tag="keys",
        problems=(Conflict,),
    ),
    Operation(
        "GET",
        "/v1/signing-keys",
        "admin",
        "The keys that sign delivery URLs",
        {200: Answer("The keys", SigningKeyList)},
        tag="keys",
    ),
    Operation(
        "PATCH",
        "/v1/signing-keys/{key}",
        "admin",
        "Retire a signing key, or revoke it: its URLs are closed at once",
        {200: Answer("The key", SigningKeyView)},
        body=SigningKeyChange,
        tag="keys",
        problems=(Conflict,),
    ),
    Operation(
        "POST",
        "/v1/upload-keys",
        "admin",
        "Make a key that programs sign upload tickets with, offline; its secret is shown this once",
        {201: Answer("The key and its secret", MadeUploadKey)},
        body=UploadKeyOrder,
        tag="keys",
        problems=(Conflict,),
    ),
    Operation(
        "GET",
        "/v1/upload-keys",
        "admin",
        "The keys that sign upload tickets",
        {200: Answer("The keys", UploadKeyList)},
        tag="keys",
    ),
    Operation(
        "DELETE",
        "/v1/upload-keys/{key}",
        "admin",
        "Revoke an upload key, for good: nothing that it signed opens anything any more",
        {200: Answer("The key", UploadKeyView)},
        tag="keys",
    ),
    Operation(
        "GET",
        "/v1/audit",
        "admin",
        "What administrators did, the newest first",
        {200: Answer("A page", AuditPage)},
        ("limit", "cursor"),
        tag="keys",
    ),
)
