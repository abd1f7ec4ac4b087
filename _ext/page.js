// Opened as a file, a page may not read the others: found pages are listed without an excerpt.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
// What scrolls sideways can be reached by keyboard, and only that: a formula that fits is no stop.
const scrolling = ".math, .math mjx-container, .pst-scrollable-table-container";
const reach = () => {
  for (const box of document.querySelectorAll(scrolling)) {
    const scrolls =
      box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
document.addEventListener("DOMContentLoaded", async () => {
  // The theme's label of these hides from some what others read on them.
  for (const labeled of document.querySelectorAll(".search-button-field, summary[aria-label]")) {
    labeled.removeAttribute("aria-label");
  }
  addEventListener("resize", reach);
  await window.MathJax?.startup?.promise;
  reach();
  // Fonts that come late make formulas wider.
  await document.fonts.ready;
  reach();
});
