// Answers to self-checks are kept in the browser, and nowhere else. Beside each chapter stands how
// many of them are right. An answer to what has been written anew is forgotten.
const kept = (() => {
  const { book, pages } = window.bookChecks;
  const digests = Object.assign({}, ...Object.values(pages));
  // It has room for other books, too: pages that are opened as files may all share it. Or it is
  // closed, and nothing is kept.
  const name = `answers: ${book}`;
  const open = (use) => {
    try {
      return use(localStorage);
    } catch {
      return null;
    }
  };
  const read = () => Object(open((storage) => JSON.parse(storage.getItem(name))));
  const entry = (check) => {
    const { 0: digest, 1: answer, 2: right } = read()[check] ?? {};
    return digest === digests[check] ? { answer, right } : {};
  };
  const get = (check) => entry(check).answer;
  const set = (check, answer, right) => {
    if (answer === undefined || !(check in digests)) return;
    const all = JSON.stringify({ ...read(), [check]: [digests[check], answer, right] });
    open((storage) => storage.setItem(name, all));
    show();
  };

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const { content_root: root } = document.documentElement.dataset;
  const paths = new Map(
    Object.keys(pages).map((page) => [new URL(`${root}${page}.html`, location).pathname, page]),
  );
  const marks = [...document.querySelectorAll(".bd-sidebar-primary .toctree-l1 > a, .cards a")]
    .filter(({ pathname }) => paths.has(pathname))
    .map((link) => {
      const mark = make("span", { className: "answered" });
      (link.closest("li").querySelector(".minutes") ?? link).append(mark);
      return [mark, Object.keys(pages[paths.get(link.pathname)])];
    });
  const button = make("button", { type: "button", textContent: "Forget my answers" });
  const said = make("span");
  said.setAttribute("role", "status");
  const box = make("p", { className: "kept", hidden: true }, button, said);
  marks[0]?.[0].closest("ul")?.after(box);
  const show = () => {
    let some = false;
    for (const [mark, checks] of marks) {
      const given = checks.map(entry).filter(({ answer }) => answer !== undefined);
      const count = `${given.filter(({ right }) => right).length} of ${checks.length}`;
      const words = make("span", { textContent: " self-checks" });
      mark.replaceChildren(...(given.length ? [` ${count}`, words, " right"] : []));
      mark.title = given.length ? `${count} self-checks answered right` : "";
      some ||= given.length > 0;
    }
    if (some) {
      box.hidden = false;
      said.textContent = "";
    }
  };
  button.addEventListener("click", () => {
    open((storage) => storage.removeItem(name));
    show();
    said.textContent = "They are forgotten.";
    dispatchEvent(new Event("forget"));
  });
  show();
  // In another window, or on a page to which one has come back.
  for (const event of ["storage", "pageshow"]) addEventListener(event, show);
  return { get, set };
})();
