"""A delete asks the catalog and no cache: a cached record may name the set of an older version."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request
from record_maker import a_record

from query_service.asset_finder import AssetFinder
from query_service.assets_api import DeletesApi
from query_service.catalog_asset import CatalogAsset
from query_service.deletes import Departed
from query_service.wire import DeletedView


class NoCache:
    """A lookup that must not be asked."""

    def __getattr__(self, name: str) -> object:
        pytest.fail(f"the lookup was asked: {name}")


async def test_the_order_goes_to_the_set_that_the_catalog_names() -> None:
    record, orders = a_record(set="s2"), []

    async def asset(asset_id: str) -> CatalogAsset:
        assert asset_id == record.asset_id
        return CatalogAsset(record)

    async def sets_of(_asset_id: str) -> dict[str, str]:
        return {"s2": record.version, "older": "0" * 26}

    async def delete(found: object, _trash_seconds: int | None, sets: object) -> DeletedView:
        assert set(sets) == {"s2", "older"}  # type: ignore[call-overload]  # a collection
        orders.append(found)
        return DeletedView(record.asset_id, "now", "n1")

    finder = AssetFinder(NoCache(), NoCache(), Departed())  # type: ignore[arg-type]  # stands for one that fails
    api = DeletesApi(SimpleNamespace(asset=asset, sets_of=sets_of), finder, SimpleNamespace(delete=delete))  # type: ignore[arg-type]
    request = make_mocked_request(
        "DELETE", f"/v1/assets/{record.asset_id}", match_info={"asset_id": record.asset_id}
    )
    assert (await api.delete(request)).status == 200
    assert orders == [record]
