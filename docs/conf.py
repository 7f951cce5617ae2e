"""How the documents are built: `make docs`. Read by Sphinx, with the whole project as its source folder.

So the changelog and deploy/README.md are pages too, and a link to a file of the project gives that file.
Every warning is an error, links and anchors included; nothing in the pages is loaded from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from making.operations_page import whole_api  # noqa: E402 - both are found by the line above

from atoll.version import __version__  # noqa: E402

project = "Atoll"
release = __version__
root_doc = "docs/index"
include_patterns = ["CHANGELOG.md", "deploy/README.md", "docs/**"]
exclude_patterns = ["docs/making", ".*", "build", "*.egg-info", "tests", "benchmarks", "query_service"]

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # so that page.md#heading is checked
nitpicky = True

html_theme = "furo"
html_title = f"Atoll {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["tables.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00647a", "color-brand-content": "#00647a"},
    "dark_css_variables": {"color-brand-primary": "#5cc8dc", "color-brand-content": "#5cc8dc"},
}


def setup(app: Sphinx) -> None:
    """Sphinx's way in."""
    app.connect("build-finished", add_api)


def add_api(app: Sphinx, failed: Exception | None) -> None:
    """The page that every query service shows, and what it leads to, beside the other references."""
    folder = Path(app.outdir) / "docs" / "reference"
    if failed is None and folder.is_dir():
        (folder / "http-api.html").write_text(whole_api(), encoding="utf-8")
        for name in ("openapi.json", "openapi-node.json"):
            (folder / name).write_bytes((DOCS / name).read_bytes())
