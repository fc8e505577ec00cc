// On a long ledger formulas are typeset as they come into view: a thousand claims have several thousand of them.
// Deferred, so that the table is there; before MathJax, so that its settings can still be changed.
"use strict";

if (document.querySelectorAll("#ledger tbody tr").length > 200) {
  window.MathJax.loader.load.push("ui/lazy");
  window.MathJax.options = { ...window.MathJax.options, lazyMargin: "800px" };
}
