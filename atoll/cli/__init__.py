"""The `atoll` command.

Map: `__main__` starts, `command` picks the verb and turns errors into exit codes (`exit_codes`); one module
per verb, each with `add_arguments(parser)` (types: `argument_types`) and `run(args) -> int`, imported only
when it is used: `upload` (with `upload_plan`, `upload_screen` and `journal`), `sync`, `import_files` and
`export` (with `folder_options` and `folder_report`), `url`, `get`, `ls`, `rm`, `locations`, `status`,
`buckets`, `bucket` (with `bucket_changes`); `up` and `demo` are in `atoll.local`. `access` finds the cluster,
`output` prints.

Standard output carries answers only (with --json: one document, or one a line); progress, and errors in
words, go to standard error.
"""
