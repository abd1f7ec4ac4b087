// Slides by day and by night, and by keyboard; charts that are drawn larger and still follow the hand.
(() => {
  const { dataset } = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  try {
    dataset.mode = localStorage.getItem("mode") || "auto";
  } catch {
    dataset.mode = "auto"; // where nothing may be kept
  }
  const show = () => {
    dataset.theme = dataset.mode === "auto" ? (dark.matches ? "dark" : "light") : dataset.mode;
  };
  const turn = () => {
    dataset.mode = dataset.theme === "dark" ? "light" : "dark";
    show();
    try {
      localStorage.setItem("mode", dataset.mode);
    } catch {}
  };
  show();
  dark.addEventListener("change", show);
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== "mode") return;
    dataset.mode = newValue || "auto";
    show();
  });

  // Vega takes a point for as far from the edge as it is on the screen.
  const follow = (event) => {
    const svg = event.target.closest?.(".chart svg");
    if (!svg || !event.isTrusted) return;
    const { left, top, width } = svg.getBoundingClientRect();
    const scale = width / svg.width.baseVal.value;
    if (Math.abs(scale - 1) < 0.01) return;
    event.stopImmediatePropagation();
    const { type, bubbles, cancelable, button, buttons, pointerId, pointerType, isPrimary } = event;
    const moved = new event.constructor(type, {
      bubbles, cancelable, button, buttons, pointerId, pointerType, isPrimary, view: window,
      clientX: left + (event.clientX - left) / scale,
      clientY: top + (event.clientY - top) / scale,
    });
    if (!event.target.dispatchEvent(moved)) event.preventDefault();
  };
  for (const kind of ["down", "move", "up", "over", "out"]) {
    addEventListener(`pointer${kind}`, follow, true);
    addEventListener(`mouse${kind}`, follow, true);
  }
  addEventListener("click", follow, true);

  addEventListener("DOMContentLoaded", () => {
    if (!window.Reveal) return;
    const controls = "input, select";
    addEventListener("keydown", ({ key, target }) => {
      if (key === "Escape" && target.matches(controls)) target.blur();
    });
    Reveal.initialize({
      width: 1280,
      height: 720,
      margin: 0,
      maxScale: 4,
      minScale: 0.1,
      center: false,
      controlsTutorial: false,
      hash: true,
      transition: "none",
      backgroundTransition: "none",
      slideNumber: "c/t",
      scrollActivationWidth: null,
      defaultTiming: 0,
      keyboardCondition: () => !document.activeElement?.matches(controls),
      plugins: window.RevealNotes ? [RevealNotes] : [],
    });
    Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "By day or by night" }, turn);
  });
})();
