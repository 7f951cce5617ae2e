"""`atoll node join --dry-run`: what the token says and what would be written; it stays unused. Prints."""

from __future__ import annotations

import time
from pathlib import Path

from atoll.cli.exit_codes import Exit
from atoll.cli.output import emit_json, note, say
from atoll.cli.spans import spell
from atoll.join_tokens import claims_of

WRITTEN = ("storage_node.toml", "replicator.toml", "cluster.secret")


def would_join(token: str, directory: Path, as_json: bool) -> int:
    """Exit code 1 when the token has expired: then it would be refused."""
    claims = claims_of(token)
    left = claims.expires_at / 1000 - time.time()
    files = [directory / name for name in WRITTEN]
    if as_json:
        facts = {"node": claims.node, "set": claims.set, "region": claims.region, "expires_in": int(left)}
        emit_json(facts | {"files": [str(file) for file in files], "dry_run": True})
    else:
        say("would join", claims.node, f"set {claims.set}, region {claims.region}")
        for file in files:
            note(f"→ would write {file}" + (", over the one there is" if file.exists() else ""))
        note(f"The token is good for {spell(left)} more." if left > 0 else "! The token has expired.")
    return Exit.OK if left > 0 else Exit.SOME_FAILED
