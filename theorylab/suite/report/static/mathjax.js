// Formulas of the ledger are typeset as they come into view: a thousand claims have several thousand of them.
"use strict";

window.MathJax = window.MathJax || {};
if (/\/ledger\.html$/.test(location.pathname)) {
  window.MathJax.loader = { load: ["ui/lazy"] };
  window.MathJax.options = { ...window.MathJax.options, lazyMargin: "800px" };
}
