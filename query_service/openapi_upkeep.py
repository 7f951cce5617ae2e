"""What operators ask of a query service, as operations of the OpenAPI document: proof and upkeep. Pure."""

from __future__ import annotations

from msgspec import Struct

from atoll.errors import Conflict, Gone, NotFound, Overloaded, Unauthorized, Unavailable
from atoll.join_tokens import JoinRequest, SealedGrant
from atoll.model import Node, ReplicaSet
from atoll.node_api import AssetView
from atoll.scrub_api import ScrubStatus
from query_service.asset_proof import DeepProof
from query_service.backup_api import Backup
from query_service.branch_view import BranchView
from query_service.catalog_api import CatalogOrder, CatalogSurvey, CatalogSurveyOrder
from query_service.catalog_repair import CatalogBranch
from query_service.drain_proof import DrainView
from query_service.join_api import JoinTokenOrder, JoinTokenView
from query_service.membership_api import NodeChange, SetChange
from query_service.openapi import Answer, Operation
from query_service.receipts import ReceiptView
from query_service.scrub_api import ScrubChange
from query_service.verify_api import VerifyOrder, VerifySurvey, VerifySurveyOrder


class PutBack(Struct, frozen=True):
    """The map entries that were written, and those that were there already."""

    restored: list[str]
    kept: list[str]


class ScrubView(Struct, frozen=True):
    """The scrubbing of every node that could be asked; why the others could not."""

    nodes: list[ScrubStatus]
    unasked: dict[str, str]


PROOF = (
    Operation(
        "GET",
        "/v1/assets/{asset_id}/receipt",
        "read",
        "The storing or delete receipts of every node of the set, asked now",
        {200: Answer("The receipts; `complete` only when every node testified", ReceiptView)},
        tag="proof",
    ),
    Operation(
        "GET",
        "/v1/assets/{asset_id}/verify",
        "read",
        "The receipts as a proof; with deep every node reads and hashes the bytes now",
        {200: Answer("The proof", DeepProof)},
        ("deep",),
        tag="proof",
    ),
    Operation(
        "POST",
        "/v1/assets/{asset_id}/restore",
        "delete",
        "Bring a deleted asset back, as a new version",
        {200: Answer("The asset as it lives again", AssetView)},
        tag="proof",
        problems=(Conflict, Gone),
    ),
    Operation(
        "POST",
        "/v1/verify",
        "admin",
        "Prove one of the 256 branches of a set",
        {200: Answer("What the nodes hold of it", BranchView)},
        body=VerifyOrder,
        tag="proof",
        problems=(Overloaded,),
    ),
    Operation(
        "POST",
        "/v1/verify/survey",
        "admin",
        "Prove what one look at a set's nodes proves; the other branches are to be walked",
        {200: Answer("The branches that are settled", VerifySurvey)},
        body=VerifySurveyOrder,
        tag="proof",
        problems=(Overloaded,),
    ),
)

UPKEEP = (
    Operation(
        "GET",
        "/v1/scrub",
        "read",
        "How far every node is with reading its blobs again",
        {200: Answer("Every node that answered, and why others did not", ScrubView)},
        tag="upkeep",
    ),
    Operation(
        "POST",
        "/v1/scrub",
        "admin",
        "Pause that reading, or go on with it; remembered over restarts",
        {200: Answer("The nodes as they stand now", ScrubView)},
        body=ScrubChange,
        tag="upkeep",
    ),
    Operation(
        "POST",
        "/v1/join-tokens",
        "admin",
        "Invite a new node: a token with which one machine joins under this name, once",
        {201: Answer("The token, shown this once", JoinTokenView)},
        body=JoinTokenOrder,
        tag="upkeep",
        problems=(Conflict, NotFound),
    ),
    Operation(
        "POST",
        "/v1/join",
        None,
        "Use a join token: what the new node's settings need, encrypted for who has the token",
        {200: Answer("The grant; `atoll node join` opens it and writes the settings", SealedGrant)},
        body=JoinRequest,
        tag="upkeep",
        problems=(Conflict, Unauthorized, NotFound, Unavailable),
    ),
    Operation(
        "PATCH",
        "/v1/nodes/{node}",
        "admin",
        "Drain a node, take it back, or remove it",
        {200: Answer("The node as the map has it now", Node)},
        body=NodeChange,
        tag="upkeep",
        problems=(Conflict,),
    ),
    Operation(
        "GET",
        "/v1/nodes/{node}/drain",
        "read",
        "How much of a node is confirmed elsewhere, looked up now",
        {200: Answer("The progress", DrainView)},
        tag="upkeep",
    ),
    Operation(
        "PATCH",
        "/v1/sets/{set}",
        "admin",
        "Seal or unseal a set",
        {200: Answer("The set as the map has it now", ReplicaSet)},
        body=SetChange,
        tag="upkeep",
    ),
    Operation(
        "POST",
        "/v1/catalog/check",
        "admin",
        "Compare one branch of a set with the catalog",
        {200: Answer("The differences", CatalogBranch)},
        body=CatalogOrder,
        tag="upkeep",
        problems=(Overloaded,),
    ),
    Operation(
        "POST",
        "/v1/catalog/rebuild",
        "admin",
        "Bring one branch of the catalog to what the nodes say",
        {200: Answer("The differences there were", CatalogBranch)},
        body=CatalogOrder,
        tag="upkeep",
        problems=(Overloaded,),
    ),
    Operation(
        "POST",
        "/v1/catalog/survey",
        "admin",
        "Find what of a set neither catalog nor nodes have anything of; the rest is to be walked",
        {200: Answer("The branches that are settled", CatalogSurvey)},
        body=CatalogSurveyOrder,
        tag="upkeep",
        problems=(Overloaded,),
    ),
    Operation(
        "GET",
        "/v1/backup",
        "admin",
        "All that operators decided: regions, sets, buckets, API keys (hashes)",
        {200: Answer("The backup, in clear", Backup)},
        tag="upkeep",
    ),
    Operation(
        "PUT",
        "/v1/backup",
        "admin",
        "Put a backup back; what is there already stays",
        {200: Answer("What was written", PutBack)},
        body=Backup,
        tag="upkeep",
    ),
)
