// What stands around the text: its colors, its sides, the contents that follow a reader, the way up.
(() => {
  // By day, by night, or as the system has it: the page's head has chosen, the button goes on.
  const { dataset } = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    dataset.theme = dataset.mode === "auto" ? (dark.matches ? "dark" : "light") : dataset.mode;
  };
  dark.addEventListener("change", show);
  for (const button of document.querySelectorAll(".theme-switch-button")) {
    button.addEventListener("click", () => {
      // Behind the system's choice comes the other one, so that a click is seen.
      const modes = dark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      dataset.mode = modes[(modes.indexOf(dataset.mode) + 1) % modes.length];
      show();
      try {
        localStorage.setItem("mode", dataset.mode);
      } catch {} // where nothing may be kept
    });
  }

  // Where there is no room beside the text, a side is shown in a dialog over it.
  const wide = matchMedia("(min-width: 992px)");
  for (const name of ["primary", "secondary"]) {
    const button = document.querySelector(`.${name}-toggle`);
    const side = document.getElementById(`pst-${name}-sidebar`);
    const dialog = document.getElementById(`pst-${name}-sidebar-modal`);
    if (!button || !side) continue;
    const move = (from, to) => {
      to.append(...from.childNodes);
      to.className = from.className;
      from.className = "";
    };
    button.addEventListener("click", () => {
      if (name === "primary" && wide.matches) return side.classList.toggle("pst-sidebar-hidden");
      move(side, dialog);
      dialog.showModal();
    });
    dialog.addEventListener("close", () => move(dialog, side));
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("a")) dialog.close();
    });
  }

  // The entry of the section that is read is marked. An observer asks nothing of the sections that
  // are out of sight, which need not even be laid out.
  const contents = document.querySelector("#pst-page-toc-nav");
  const entries = new Map();
  for (const entry of contents?.querySelectorAll("a") ?? []) {
    entries.set(document.getElementById(decodeURIComponent(entry.hash.slice(1))), entry);
  }
  const read = new Set();
  const follow = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        read[isIntersecting ? "add" : "delete"](target);
      }
      const sections = [...entries.keys()];
      const [current] = sections.filter((section) => read.has(section)).slice(-1);
      // Between two sections the first of them stays marked; above all of them none is.
      if (!current && sections[0].getBoundingClientRect().top < innerHeight / 10) return;
      for (const [section, entry] of entries) {
        entry.classList.toggle("active", section === current);
        if (section === current) entry.setAttribute("aria-current", "true");
        else entry.removeAttribute("aria-current");
      }
      if (current) keepInSight(entries.get(current));
    },
    { rootMargin: "-10% 0px -89% 0px" },
  );
  // The contents of a long chapter are longer than the window.
  const keepInSight = (entry) => {
    const box = entry.closest(".bd-sidebar-secondary");
    if (!box) return;
    const [seen, { top, bottom }] = [box.getBoundingClientRect(), entry.getBoundingClientRect()];
    if (top < seen.top || bottom > seen.bottom) {
      box.scrollTop += (top + bottom - seen.top - seen.bottom) / 2;
    }
  };
  for (const section of entries.keys()) follow.observe(section);

  const up = document.getElementById("pst-back-to-top");
  let before = 0;
  addEventListener(
    "scroll",
    () => {
      up.style.display = scrollY < before && scrollY > innerHeight ? "block" : "none";
      before = scrollY;
      document.body.classList.toggle("scrolled", scrollY > 0);
    },
    { passive: true },
  );
  up.addEventListener("click", () => scrollTo(0, 0));
})();
