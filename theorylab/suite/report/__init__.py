"""The report: what the notebooks left in ``figures/`` and the pages of ``docs/``, rendered as a static site.

Nothing here knows a chapter, a claim or a figure: all of them are found from what is there.  Pages are written as MyST
Markdown (:mod:`pages`, :mod:`ledger_page`, ...), rendered by Sphinx (:mod:`settings`), checked (:mod:`check`) and
published in one step (:mod:`publish`).
"""

from theorylab.suite.report.render import RenderError, render

__all__ = ["RenderError", "render"]
