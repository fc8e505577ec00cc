// On a long ledger formulas are typeset as they come into view: a thousand claims have several thousand of them.
// Deferred, so that the table is there; before MathJax, so that its settings can still be changed.
"use strict";

if (document.querySelectorAll("#ledger tbody tr").length > 200) {
  window.MathJax.loader.load.push("ui/lazy");
  window.MathJax.options = { ...window.MathJax.options, lazyMargin: "800px" };
}

// A formula that is wider than its column scrolls by itself: those who have no pointer must be able to go there.
function reachWideFormulas() {
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
}

window.MathJax.startup = {
  pageReady: () => window.MathJax.startup.defaultPageReady().then(() => {
    reachWideFormulas();
    window.addEventListener("resize", reachWideFormulas);
    document.fonts.ready.then(reachWideFormulas);
  }),
};
