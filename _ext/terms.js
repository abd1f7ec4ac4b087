// A term opens its definition beside it. Without this, and where a browser has no popover, it is a
// link to the glossary.
for (const link of document.querySelectorAll("a.term")) {
  const shown = document.getElementById(link.hash.replace("#term", "definition"));
  if (!shown?.showPopover) continue;
  link.setAttribute("aria-haspopup", "dialog");
  link.setAttribute("aria-expanded", "false");
  let wasOpen;
  link.addEventListener("pointerdown", () => (wasOpen = shown.matches(":popover-open")));
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    // The browser has closed it when the button went up.
    if (wasOpen && event.detail) return;
    // What it holds is what Tab reaches next.
    link.after(shown);
    shown.showPopover();
    // Below the line in which the term begins or, where no room is, above it.
    const { left, top, bottom } = link.getClientRects()[0];
    const gap = 6;
    const { width, height } = shown.getBoundingClientRect();
    const above = bottom + gap + height > innerHeight && top > height + gap;
    const right = document.documentElement.clientWidth - width - 16;
    shown.style.left = `${scrollX + Math.max(16, Math.min(left, right))}px`;
    shown.style.top = `${scrollY + (above ? top - height - gap : bottom + gap)}px`;
    shown.focus({ preventScroll: true });
  });
  shown.addEventListener("beforetoggle", ({ newState }) =>
    link.setAttribute("aria-expanded", newState === "open"),
  );
  const leave = ({ relatedTarget: to }) => to && !shown.contains(to) && shown.hidePopover();
  shown.addEventListener("focusout", leave);
  // The theme takes the browser's Escape.
  shown.addEventListener("keydown", ({ key }) => key === "Escape" && shown.hidePopover());
  addEventListener("resize", () => shown.hidePopover());
}
