"""Sphinx settings of the report, and the few places where it reaches into Sphinx.

The staged ``conf.py`` holds nothing but a call of :func:`configure`, so that what Sphinx reads is code of the package.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theorylab.suite.report.notebook_pages import CELL_ID

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

__all__ = ["CONF", "PLACEHOLDER", "configure", "mathjax_files"]

#: The whole staged ``conf.py``.
CONF = """\
from theorylab.suite.report import settings

globals().update(settings.configure())
setup = settings.setup
"""

#: Stands in the footer of every page until the site is published: the commit and the date change without any page.
PLACEHOLDER = "@@theorylab-build@@"

HERE = Path(__file__).parent
_MATHJAX = "sphinx-mathjax-offline"
# What pages load of MathJax: half of what its one file for everything weighs.
_MATHJAX_LOADED = ("core", "input/tex", "output/chtml", "a11y/assistive-mml")
# What is published: that, what is loaded later (by the ledger, and for a rare command in a formula), and the fonts.
_MATHJAX_FILES = (
    "startup.js",
    *(f"{part}.js" for part in _MATHJAX_LOADED),
    "ui/lazy.js",
    "input/tex/extensions/",
    "output/chtml/fonts/",
)


def configure() -> dict[str, Any]:
    """Settings as the names that Sphinx expects in ``conf.py``.

    Returns
    -------
    dict
        Name to value.
    """
    return {
        "project": "theorylab",
        "author": "The theorylab developers",
        "project_copyright": "The theorylab developers",
        "extensions": [
            "myst_nb",
            "sphinx.ext.autodoc",
            "sphinx.ext.mathjax",
            "numpydoc",
            "sphinxcontrib.bibtex",
        ],
        "exclude_patterns": ["_parts"],
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_render_markdown_format": "myst",  # results of claims have tables and formulas
        "myst_enable_extensions": ["amsmath", "colon_fence", "deflist", "dollarmath"],
        "myst_heading_anchors": 3,
        "bibtex_bibfiles": ["references.bib"],
        "bibtex_reference_style": "author_year",
        "numpydoc_show_class_members": False,
        "autodoc_typehints": "none",
        "autosummary_generate": False,  # numpydoc brings it; it would import every module on every run
        "autodoc_default_options": {"no-value": True},
        "html_theme": "pydata_sphinx_theme",
        "html_theme_options": {
            "logo": {"text": "theorylab"},
            "navbar_align": "left",
            "header_links_before_dropdown": 8,
            "navbar_end": ["theme-switcher"],
            "navbar_persistent": ["search-button"],
            "primary_sidebar_end": [],
            "footer_start": ["provenance"],
            "footer_end": [],
            "show_toc_level": 1,
            "show_prev_next": False,
            "secondary_sidebar_items": ["page-toc"],
            "article_header_start": ["breadcrumbs"],
            "pygments_light_style": "a11y-high-contrast-light",
            "pygments_dark_style": "a11y-high-contrast-dark",
        },
        "html_sidebars": {page: [] for page in ("index", "ledger", "gallery", "cost", "bibliography", "search")},
        "html_title": "theorylab",
        "html_favicon": str(HERE / "static" / "icon.svg"),
        "html_show_sourcelink": False,
        "html_copy_source": False,
        "html_static_path": [str(HERE / "static")],
        "templates_path": [str(HERE / "templates")],
        "html_css_files": ["report.css"],
        "mathjax_path": "mathjax/startup.js",
        "mathjax3_config": {"loader": {"load": list(_MATHJAX_LOADED)}, "options": {"enableAssistiveMml": True}},
        "html_context": {"build_placeholder": PLACEHOLDER, "default_mode": "auto"},
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect what Sphinx cannot be told by a setting.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        The builder.

    Returns
    -------
    dict
        That all of it may run in several processes.
    """
    app.set_html_assets_policy("always")  # formulas stand in raw HTML too, where Sphinx does not see them
    app.add_js_file("mathjax.js", priority=400, loading_method="defer")  # before MathJax, which has 500
    app.connect("doctree-read", _name_cells)
    app.connect("html-page-context", _page_scripts)
    app.connect("autodoc-process-docstring", _cite, priority=400)  # before numpydoc renames what it takes for footnotes
    app.connect("autodoc-skip-member", _skip_generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _name_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give the cells of a notebook the anchors that the ledger links to."""
    from docutils import nodes

    del app
    for node in doctree.findall(nodes.container):
        id_ = (node.get("cell_metadata") or {}).get(CELL_ID)
        if node.get("nb_element") == "cell_code" and id_:
            node["ids"].append(f"cell-{id_}")


def _page_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """A page's own script on that page only."""
    del template, context, doctree
    if page in ("ledger", "search"):
        app.add_js_file(f"{page}.js", loading_method="defer")


def _cite(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Lead the citations of docstrings to the bibliography: ``[key]_``, and ``.. [key] words on it``."""
    del app, what, name, obj, options
    text = re.sub(r"^( *)\.\. \[([a-z]+\d{4}[a-z]?)\] ", r"\1- :cite:t:`\2`: ", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = re.sub(r"\[([a-z]+\d{4}[a-z]?)\]_", r":cite:t:`\1`", text).split("\n")


def _skip_generated(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the methods that scikit-learn makes for the routing of metadata."""
    del app, what, obj, skip, options
    return True if re.fullmatch(r"set_\w+_request", name) else None


def mathjax_files() -> dict[str, Path]:
    """Files of MathJax, shipped by a package, that the site needs.

    Returns
    -------
    dict of str to Path
        Path below ``_static/mathjax`` to file.
    """
    from importlib.metadata import files

    found = {}
    for file in files(_MATHJAX) or ():
        _, marker, part = file.as_posix().partition("/static/mathjax/")
        if marker and part.startswith(_MATHJAX_FILES):
            found[part] = Path(str(file.locate()))
    return found
