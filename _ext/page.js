// Paper is white: a page that is read in the dark is printed as by day.
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  addEventListener("afterprint", () => (dataset.theme = theme), { once: true });
});
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
// though slanted letters lean a little out of its box. Nothing is asked of what is out of sight,
// which need not be laid out; it is observed when it comes near, or is unfolded. So is a formula,
// which may become wider than its box, as by letters further apart.
const slack = 4;
const set = new ResizeObserver((seen) => {
  // All is asked before anything changes, and changes are few: each would be a layout of its own.
  const boxes = new Set(seen.map(({ target }) => target.closest(":not(math)")));
  const asked = [...boxes].map((box) => {
    const over = box.scrollWidth - box.clientWidth;
    return [box, over, over > 0 && /auto|scroll/.test(getComputedStyle(box).overflowX)];
  });
  for (const [box, over, scrollable] of asked) {
    const formula = box.matches(".math, .formula");
    if (over > (formula ? slack : 0) && (scrollable || box.style.overflow)) {
      box.style.overflow = "";
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
      if (formula && over > 0) box.style.overflow = "visible";
    }
  }
});
const reach = () => {
  for (const box of document.querySelectorAll(
    "pre, span.math, .formula, math, .cell_output > .output, .pst-scrollable-table-container",
  )) {
    set.unobserve(box);
    set.observe(box);
  }
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
// Screen readers are told of what is laid out alone. One section after another is, when there is
// time for it: not while a page comes in, when whoever scrolls would wait for it, but as soon as
// somebody moves by keyboard.
const idle = window.requestIdleCallback ?? setTimeout;
const sections = document.querySelectorAll(".bd-article > section > section").values();
const layOut = () => {
  const { value: section, done } = sections.next();
  if (done) return;
  section.style.contentVisibility = "visible";
  idle(layOut);
};
addEventListener("load", () => {
  const begin = new AbortController();
  begin.signal.addEventListener("abort", () => idle(layOut));
  addEventListener("keydown", () => begin.abort(), { once: true });
  setTimeout(() => begin.abort(), 8000);
});
document.addEventListener("DOMContentLoaded", () => {
  unfold();
  // The theme's label of these hides from some what others read on them.
  for (const labeled of document.querySelectorAll(".search-button-field, summary[aria-label]")) {
    labeled.removeAttribute("aria-label");
  }
  reach();
  // Letters of another font are as wide as they are, in a box that is as wide as before.
  document.fonts.addEventListener("loadingdone", reach);
});
