"""The routes that concern assets, put together: called by app.py, which owns what is passed in."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from atoll.api_keys import ApiKeys
from atoll.delivery_keys import Ring
from atoll.node_client import NodeClient
from atoll.signing import Keys
from query_service.absent_names import AbsentNames
from query_service.asset_finder import AssetFinder
from query_service.assets_api import AssetsApi, DeletesApi
from query_service.by_url_api import ByUrlApi, FetchRules
from query_service.clients import Clients
from query_service.cluster_view import Views
from query_service.data_side import DataSide
from query_service.deletes import Deleter, Departed
from query_service.describe_api import DescribeApi
from query_service.edit_answers import EditAnswers
from query_service.edit_subjects import EditSubjects
from query_service.edits import Edits
from query_service.folders_api import FoldersApi
from query_service.history_api import HistoryApi
from query_service.image_access import ImageAccess
from query_service.image_names import ImageNames
from query_service.job_dispatch import JobDispatch
from query_service.listing_api import ListingApi
from query_service.names_api import NamesApi
from query_service.node_records import NodeRecords
from query_service.position import PositionFinder
from query_service.query_metrics import UseMeter
from query_service.redirects import CacheRules, Redirects
from query_service.resolve_api import ResolveApi
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.set_orders import SetOrders
from query_service.settings import QuerySettings
from query_service.taken_names import TakenNames
from query_service.testimony import Witnesses
from query_service.tickets import EXPECTED_AFTER_SECONDS, TicketOffice, TicketRules
from query_service.trash import TrashAsker
from query_service.trash_routes import TrashApi
from query_service.uploads_api import Admit, UploadsApi
from query_service.url_signer import UrlSigner
from query_service.versions_api import VersionsApi
from query_service.wishes import Wishes


def asset_routes(
    settings: QuerySettings,
    keys: Keys,
    api_keys: ApiKeys,
    ring: Ring,
    data: DataSide,
    views: Views,
    positions: PositionFinder,
    nodes: NodeClient,
    meter: UseMeter,
    admit: Admit,
    dispatch: JobDispatch,
) -> list[Route]:
    """The hottest first."""
    rng = random.Random()
    departed = Departed()
    finder = AssetFinder(data.lookup, data.arrivals, departed)
    wishes = Wishes(settings.grammar_limits)
    resolver = Resolver(views, _signer(settings, ring), wishes, rng)
    clients = Clients(positions, settings.signed_url_seconds, settings.max_signed_url_seconds)
    orders = SetOrders(views, nodes, settings.region)
    records = NodeRecords(views, nodes)
    deleter = Deleter(records, orders, departed, data.invalidation.announce)
    subjects = EditSubjects(data.catalog, finder, records)
    edits = Edits(orders, data.catalog, data.invalidation.announce)
    absent = AbsentNames(settings.memory_cache_entries, settings.redirect_seconds, time.monotonic)
    names = ImageNames(finder, absent)
    access = ImageAccess(api_keys, ring, time.time, positions.proven_address)
    redirects = Redirects(names, resolver, wishes, clients, positions, views, access, _cache_rules(settings))
    json_bytes, most_listed = settings.max_json_bytes, settings.max_list_items
    office = TicketOffice(views, keys, _ticket_rules(settings), rng, wishes)
    taken = TakenNames(finder, settings.name_seconds)
    expected_seconds = settings.ticket_seconds + EXPECTED_AFTER_SECONDS

    async def expect(asset_ids: Sequence[str], known: bool) -> None:
        await data.lookup.expect(asset_ids, expected_seconds, known=known)

    uploads = UploadsApi(office, positions, json_bytes, meter.ticket, admit, taken, expect)
    return [
        *AssetsApi(finder, resolver, clients, views, data.renders).routes(),
        *redirects.routes(),
        *ResolveApi(
            finder, resolver, clients, json_bytes, settings.max_resolve_items, meter.handles, data.renders
        ).routes(),
        *uploads.routes(),
        *ByUrlApi(uploads, views, keys, dispatch, data.jobs, _fetch_rules(settings), json_bytes).routes(),
        *ListingApi(data.catalog, finder, resolver, clients, views, most_listed, json_bytes).routes(),
        *FoldersApi(data.catalog, views, settings.max_folders, settings.max_folder_names).routes(),
        *HistoryApi(data.catalog, finder, resolver, clients, views, data.renders).routes(),
        *TrashApi(TrashAsker(lambda: views.current().cluster, Witnesses(nodes)), views, most_listed).routes(),
        *DeletesApi(data.catalog, finder, deleter).routes(),
        *VersionsApi(data.catalog, subjects, edits, resolver, clients, json_bytes).routes(),
        *DescribeApi(subjects, edits, EditAnswers(resolver, clients), json_bytes).routes(),
        *NamesApi(data.catalog, subjects, edits, departed, resolver, clients, json_bytes).routes(),
    ]


def _ticket_rules(settings: QuerySettings) -> TicketRules:
    return TicketRules(
        settings.ticket_seconds,
        settings.max_upload_bytes,
        settings.max_upload_pixels,
        settings.max_ticket_files,
        settings.max_ticket_eager,
        settings.max_ticket_eager_chars,
    )


def _fetch_rules(settings: QuerySettings) -> FetchRules:
    return FetchRules(settings.outward_ports, settings.max_fetch_urls, settings.job_days)


def _cache_rules(settings: QuerySettings) -> CacheRules:
    return CacheRules(settings.redirect_seconds, settings.fallback_seconds, settings.derivative_url_seconds)


def _signer(settings: QuerySettings, ring: Ring) -> UrlSigner:
    return UrlSigner(
        ring,
        derivative_seconds=settings.derivative_url_seconds,
        grid_seconds=settings.derivative_url_grid_seconds,
        public_url=settings.public_url or "",
    )
