"""A whole cluster on one machine: embedded engines, and processes that never outlive their supervisor.

Map: `engines` starts the three engines (`nats_engine`, `valkey_engine`, `mongo_engine`), each described by
an `EngineSpec` and owned by a `ManagedProcess` (`process`). `guard` and `reaper` see to it that nothing
stays behind when the supervisor is killed; `ports`, `secrets_dir` and `directory_lock` keep what must
survive a restart. Nothing here runs in production: there the daemons are given URLs.
"""
