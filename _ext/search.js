// The search dialog, and the place that it leads to. The places, and what ranks them, are loaded when
// somebody is about to search.
(() => {
  const { src } = document.currentScript;
  const { content_root: root } = document.documentElement.dataset;
  const dialog = document.getElementById("pst-search-dialog");
  const [field, list, said] = dialog.querySelectorAll("input, div, p");
  const most = 12;

  const load = (name) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: new URL(name, src), onload: resolve, onerror: reject });
      document.head.append(script);
    });
  let loaded;
  const prepare = () => {
    loaded ??= Promise.all(["minisearch-7.2.0.js", "places.js"].map(load)).then(() =>
      load("ranking.js"),
    );
    return loaded;
  };

  const alone = (words) =>
    new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words.join("|")})(?![\\p{L}\\p{N}_])`, "giu");
  const line = (className, ...content) => {
    const made = document.createElement(className === "hit" ? "mark" : "span");
    made.className = className;
    made.append(...content);
    return made;
  };
  const mark = (text, words) => {
    const hits = text.match(alone(words)) ?? [];
    const between = text.split(alone(words));
    return between.flatMap((piece, i) => (i ? [line("hit", hits[i - 1]), piece] : [piece]));
  };
  const excerpt = (text, words) => {
    const at = text.search(alone(words));
    const start = at < 40 ? 0 : text.lastIndexOf(" ", at - 30) + 1;
    const end = text.indexOf(" ", start + 110);
    const cut = end < 0 ? text.slice(start) : `${text.slice(start, end)} …`;
    return start ? `… ${cut}` : cut;
  };
  const option = ({ page, anchor, kind, title, above, text, words }, i) => {
    const numbered = !/^(page|section|recap|term|name)$/.test(kind);
    const made = document.createElement("a");
    made.append(
      line("kind", numbered ? `${kind[0].toUpperCase()}${kind.slice(1)}: ` : ""),
      line("title", ...mark(title, words)),
      line("above", above.join(" › ")),
      line("excerpt", ...mark(excerpt(text, words), words)),
    );
    made.id = `search-found-${i}`;
    made.setAttribute("role", "option");
    made.tabIndex = -1;
    made.href = `${root}${page}.html?found=${encodeURIComponent(words.join(" "))}#${anchor}`;
    return made;
  };

  // Opened and closed by its buttons and by one key with another, on a Mac with its own.
  const mac = /^(Mac|iPhone)/.test(navigator.platform);
  const toggle = () => {
    if (dialog.open) return dialog.close();
    dialog.showModal();
    field.focus();
  };
  for (const button of document.querySelectorAll(".search-button__button")) {
    button.addEventListener("click", toggle);
    if (mac) button.querySelector("kbd")?.replaceChildren("⌘");
  }
  addEventListener("keydown", (event) => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    const held = mac ? metaKey && !ctrlKey : ctrlKey && !metaKey;
    if (!held || altKey || shiftKey || key.toLowerCase() !== "k") return;
    event.preventDefault();
    toggle();
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());

  let chosen = -1;
  const choose = (i) => {
    const options = [...list.children];
    if (!options.length) return field.removeAttribute("aria-activedescendant");
    chosen = (i + options.length) % options.length;
    options.forEach((made, j) => made.setAttribute("aria-selected", j === chosen));
    field.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  };
  const show = async () => {
    await prepare();
    const query = field.value.trim();
    const found = window.bookSearch(field.value, most);
    list.replaceChildren(...found.map(option));
    list.hidden = !found.length;
    field.setAttribute("aria-expanded", found.length > 0);
    const places = found.length === 1 ? "1 place" : `${found.length} places, the best first`;
    said.textContent = query && (found.length ? places : `Nothing is found for “${query}”`);
    choose(0);
  };
  const keys = {
    ArrowDown: () => choose(chosen + 1),
    ArrowUp: () => choose(chosen - 1),
    Enter: () => list.children[chosen]?.click(),
  };
  field.addEventListener("focus", () => {
    field.select();
    prepare();
  });
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || !(event.key in keys)) return;
    event.preventDefault();
    prepare().then(keys[event.key]);
  });
  // A link to this same place opens no other page.
  list.addEventListener("click", () => dialog.close());

  // On arrival: a bar beside the place, and a ground for the words, until Escape.
  const words = new URLSearchParams(location.search).get("found")?.match(/[\p{L}\p{N}_]+/gu);
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!words || !target) return;
  const titled = "section:has(> :is(h1, h2, h3, h4, details))";
  const place = target.matches("section > span") ? target.parentElement : target;
  place.classList.add("found");
  const reads = place.matches("dt") ? [place, place.nextElementSibling] : [place];
  const ranges = reads.flatMap((read) => {
    const texts = document.createTreeWalker(read, NodeFilter.SHOW_TEXT, ({ parentElement }) => {
      const own = parentElement.closest(`.math, .headerlink, pre, ${titled}`);
      return own?.contains(place) || !own ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT;
    });
    const found = [];
    while (texts.nextNode()) {
      for (const { 0: word, index } of texts.currentNode.data.matchAll(alone(words))) {
        const range = new Range();
        range.setStart(texts.currentNode, index);
        range.setEnd(texts.currentNode, index + word.length);
        found.push(range);
      }
    }
    return found;
  });
  // Not every browser can: there, the bar is enough.
  window.CSS.highlights?.set("found", new Highlight(...ranges));
  addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || dialog.open) return;
    place.classList.remove("found");
    window.CSS.highlights?.delete("found");
  });
})();
