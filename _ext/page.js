// Paper is white: a page that is read in the dark is printed as by day.
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  addEventListener("afterprint", () => (dataset.theme = theme), { once: true });
});
// The contents beside a long chapter are longer than the window: they follow its reader.
const follow = new MutationObserver(() => {
  const entry = document.querySelector("#pst-page-toc-nav a[aria-current]");
  const box = entry?.closest(".bd-sidebar-secondary");
  if (!box) return;
  const [seen, { top, bottom }] = [box.getBoundingClientRect(), entry.getBoundingClientRect()];
  if (top < seen.top || bottom > seen.bottom) {
    box.scrollTop += (top + bottom - seen.top - seen.bottom) / 2;
  }
});
for (const contents of document.querySelectorAll("#pst-page-toc-nav")) {
  follow.observe(contents, { attributeFilter: ["aria-current"], subtree: true });
}
// A link into what is folded opens it. A browser does so for what stands inside, and not for the
// heading, which it sees.
const unfold = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target?.closest("section")?.querySelector(":scope > details.deeper");
  if (!fold || fold.open) return;
  fold.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
// The same link once more changes nothing in the address.
addEventListener("click", ({ target }) => {
  if (target.closest("a")?.hash === location.hash) unfold();
});
// What scrolls sideways can be reached by keyboard, and only that. A formula that fits is no stop,
// though slanted letters lean a little out of its box.
const slack = 4;
const reach = () => {
  const boxes = [
    ...document.querySelectorAll("span.math, .formula, .pst-scrollable-table-container"),
  ];
  for (const box of boxes) box.style.overflow = "";
  const scrolls = boxes.map(
    (box) =>
      box.scrollWidth > box.clientWidth + slack &&
      /auto|scroll/.test(getComputedStyle(box).overflowX),
  );
  boxes.forEach((box, i) => {
    if (scrolls[i]) box.tabIndex = 0;
    else {
      box.removeAttribute("tabindex");
      box.style.overflow = "visible";
    }
  });
};
// Formulas are copied as the TeX that they were written in, and whole.
addEventListener("copy", (event) => {
  const selection = getSelection();
  const range = selection.rangeCount && selection.getRangeAt(0).cloneRange();
  if (!range || !event.clipboardData) return;
  const formulaAt = (node) => (node.closest ? node : node.parentElement).closest("math");
  const [first, last] = [formulaAt(range.startContainer), formulaAt(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copied = document.createElement("div");
  copied.append(range.cloneContents());
  const formulas = copied.querySelectorAll("math");
  if (!formulas.length) return;
  event.clipboardData.setData("text/html", copied.innerHTML);
  for (const formula of formulas) {
    const dollars = formula.getAttribute("display") === "block" ? "$$" : "$";
    formula.replaceWith(dollars + formula.dataset.tex + dollars);
  }
  event.clipboardData.setData("text/plain", copied.textContent);
  event.preventDefault();
});
document.addEventListener("DOMContentLoaded", () => {
  unfold();
  // The theme's label of these hides from some what others read on them.
  for (const labeled of document.querySelectorAll(".search-button-field, summary[aria-label]")) {
    labeled.removeAttribute("aria-label");
  }
  // Anew when a window is turned, a font arrives late, a solution is unfolded.
  new ResizeObserver(reach).observe(document.body);
});
