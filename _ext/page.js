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
    ...document.querySelectorAll(".math, .math mjx-container, .pst-scrollable-table-container"),
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
// A browser may break a line before the comma or the period that follows a formula.
const keepMarks = () => {
  for (const formula of document.querySelectorAll("span.math")) {
    const next = formula.nextSibling;
    const mark = /^[.,:;!?)’”]+/.exec(next?.nodeType === Node.TEXT_NODE ? next.data : "");
    if (!mark) continue;
    next.splitText(mark[0].length);
    const whole = document.createElement("span");
    whole.className = "formula-and-mark";
    formula.before(whole);
    whole.append(formula, next);
  }
};
document.addEventListener("DOMContentLoaded", async () => {
  keepMarks();
  unfold();
  // The theme's label of these hides from some what others read on them.
  for (const labeled of document.querySelectorAll(".search-button-field, summary[aria-label]")) {
    labeled.removeAttribute("aria-label");
  }
  await window.MathJax?.startup?.promise;
  // Anew when a window is turned, a font arrives late, a solution is unfolded.
  new ResizeObserver(reach).observe(document.body);
});
