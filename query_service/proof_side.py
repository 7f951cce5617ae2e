"""The half of a query service that proves and repairs, put together in order: called by app.py, which owns
what is passed in. It asks the nodes and believes them; the catalog is only ever compared with them.
"""

from __future__ import annotations

from atoll.api_keys import ApiKeys
from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable
from atoll.ids import now_ms
from atoll.model import Node
from atoll.node_client import NodeClient
from atoll.node_trees import NodeTrees
from query_service.asset_proof import AssetProof
from query_service.backup_api import BackupApi
from query_service.branch_reading import BranchReader
from query_service.catalog import Catalog
from query_service.catalog_api import CatalogApi
from query_service.catalog_repair import CatalogRepair
from query_service.cluster_view import Views
from query_service.deletes import Announce
from query_service.drain_proof import DrainProof
from query_service.membership_api import MembershipApi
from query_service.proof_api import ProofApi
from query_service.proof_rounds import ProofRounds
from query_service.routing import Route
from query_service.scrub_api import ScrubApi
from query_service.testimony import Witnesses
from query_service.verification import Verification
from query_service.verify_api import VerifyApi

TREE_SECONDS = 10.0  # for one answer about a node's tree


def proof_routes(
    cluster: LiveClusterMap,
    health: HealthTable,
    views: Views,
    nodes: NodeClient,
    catalog: Catalog,
    announce: Announce,
    api_keys: ApiKeys,
    max_json_bytes: int,
) -> list[Route]:
    """Receipts, verification, restore; membership; the catalog's repair; backup."""

    def trees(node: Node) -> NodeTrees:
        return NodeTrees(nodes, node, seconds=TREE_SECONDS)

    witnesses = Witnesses(nodes)
    reader, proofs = BranchReader(trees), ProofRounds(witnesses)
    drain = DrainProof(lambda: cluster.current, health, trees)
    repair = CatalogRepair(catalog, reader, proofs, witnesses)
    return [
        *ProofApi(AssetProof(catalog, views, nodes, witnesses, announce, now_ms), views).routes(),
        *VerifyApi(Verification(reader, proofs, witnesses), views, max_json_bytes).routes(),
        *MembershipApi(cluster, drain, max_json_bytes).routes(),
        *CatalogApi(repair, views, announce, max_json_bytes).routes(),
        *ScrubApi(witnesses, views, max_json_bytes).routes(),
        *BackupApi(cluster, api_keys).routes(),
    ]
