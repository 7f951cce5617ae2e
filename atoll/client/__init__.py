"""The Python client: light (aiohttp and msgspec, no engine drivers), asynchronous with a synchronous face.

Map: `async_client` is the API (with `asset_calls`, `search_calls`, `folder_calls`, `export_calls`,
`cluster_calls`) and wires the rest; `sync_client` is its face for scripts (`sync_folder_calls`,
`loop_thread`). `query` asks the query services, `resolving` where images are (`reference`: what people write
to mean one; `own_uploads`: what the catalog may not know yet), `services` how the services are. `upload` and
`upload_many` send bytes (`source`, `tree`: which; `sending`: one try; `upload_rules`: what to retry),
`download` fetches and checks them, `replication` waits for regions. `views` are the answers, `connection` the
session and its errors; `settings` and `cluster_file` say where the cluster is.

Whole folders, whose words are in `folder_files`: `folder_scan` and `folder_plan` compare one with a bucket
(`folder_names`, `globs`, `hash_cache`), `folder_upload` does what that asks for; `listing_file` finds what a
listing names; `export_plan` and `export_run` bring a bucket home (`export_paths`: as which files,
`export_place`: and nowhere else).

It knows the daemons by their HTTP interfaces alone.
"""

from atoll.client.async_client import AsyncClient
from atoll.client.search_calls import AssetChange
from atoll.client.sync_client import Client
from atoll.hook_signature import verify_webhook

__all__ = ["AssetChange", "AsyncClient", "Client", "verify_webhook"]
