// Turn each admonition of class "drill" into a drill: a graph, small enough for the head, in which
// the reader fills in the gradient at every node, and is told which slip gives a wrong one. Graphs
// are numbered, without end. A node's value is a list of numbers, of one for a plain number.
{
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const zip = (a, b, f) => a.map((_, i) => f(a[i], b[i]));
  const add = (a, b) => zip(a, b, (s, t) => s + t);
  const dot = (a, b) => a.reduce((sum, s, i) => sum + s * b[i], 0);
  const scale = (s, a) => a.map((t) => s * t);
  const same = (a, b) => a.every((s, i) => s === b[i]);
  const transposed = (W) => W[0].map((_, j) => W.map((row) => row[j]));
  const times = (W, a) => W.map((row) => dot(row, a));

  // Of each operation its value, and what it hands to its inputs of a gradient g at its result.
  const OPERATIONS = {
    "+": { value: add, pull: (g) => [g, g] },
    "−": { value: (a, b) => add(a, scale(-1, b)), pull: (g) => [g, scale(-1, g)] },
    "×": { value: (a, b) => zip(a, b, (s, t) => s * t), pull: (g, a, b) => [scale(g[0], b), scale(g[0], a)] },
    "·": { value: (a, b) => [dot(a, b)], pull: (g, a, b) => [scale(g[0], b), scale(g[0], a)] },
    W: { value: (a, W) => times(W, a), pull: (g, a, W) => [times(transposed(W), g)] },
  };
  // The same with a slip.
  const SLIPS = {
    sign: { "−": (g) => [g, g] },
    factor: { "×": (g, a, b) => [scale(g[0], a), scale(g[0], b)], "·": (g, a, b) => [scale(g[0], a), scale(g[0], b)] },
    flat: { "×": (g) => [g, g] },
    transpose: { W: (g, a, W) => [times(W, g)] },
  };

  const draws = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const among = (draw, list) => list[Math.floor(draw() * list.length)];

  // Each program: names, operations (of places of inputs), and where its boxes stand.
  const PROGRAMS = [
    { names: "abuvℓ", uses: [[0, 1], [2, "leaf"], [2, 3]], places: [[0, 1], [0, 0], [1, 0.5], [2, 1], [3, 0.5]] },
    { names: "abuvqℓ", uses: [[0, 1], [0, 2], [3, 1], [2, 4]], places: [[0, 1], [0, 0], [1, 0.5], [2, 1], [3, 0], [4, 0.5]] },
  ];
  const NUMBERS = [-5, -4, -3, -2, 2, 3, 4, 5];

  const attempt = (draw, arrays) => {
    if (arrays) {
      const numbers = (n) => Array.from({ length: n }, () => among(draw, NUMBERS));
      const nodes = [{ name: "x", inputs: [], value: numbers(2) }];
      const W = [numbers(2), numbers(2)];
      for (const [name, op, inputs] of [["z", "W", [0]], ["q", "+", [1, 0]], ["ℓ", "·", [1, 2]]]) {
        const values = inputs.map((i) => nodes[i].value);
        if (op === "W") values.push(W);
        nodes.push({ name, op, inputs, value: OPERATIONS[op].value(...values), matrix: op === "W" ? W : null });
      }
      return { nodes, places: [[0, 0.5], [1, 0], [2, 1], [3, 0.5]] };
    }
    const { names, uses, places } = among(draw, PROGRAMS);
    const nodes = [..."ab"].map((name) => ({ name, inputs: [], value: [among(draw, NUMBERS)] }));
    for (const use of uses) {
      const inputs = use.map((i) => (i === "leaf" ? among(draw, [0, 1]) : i));
      const op = among(draw, nodes.length === names.length - 1 ? ["×"] : ["+", "−", "×", "×"]);
      nodes.push({ name: names[nodes.length], op, inputs, value: OPERATIONS[op].value(...inputs.map((i) => nodes[i].value)) });
    }
    return { nodes, places };
  };

  // What node j hands to its inputs of the gradient g, perhaps with a slip.
  const handed = ({ nodes }, j, g, slip) => {
    const { op, inputs, matrix } = nodes[j];
    const pull = (slip && SLIPS[slip][op]) || OPERATIONS[op].pull;
    return pull(g, ...inputs.map((i) => nodes[i].value), matrix);
  };
  const arrows = ({ nodes }, i) =>
    nodes.flatMap(({ inputs }, j) => inputs.map((from, k) => ({ from, j, k }))).filter(({ from }) => from === i);
  const total = (parts) => parts.reduce(add);
  const gradient = (graph, i, at, slipped = () => undefined) =>
    total(arrows(graph, i).map(({ j, k }, n) => handed(graph, j, at[j], slipped(n))[k]));
  const gradients = (graph) => {
    const at = Array(graph.nodes.length);
    at[at.length - 1] = [1];
    for (let i = at.length - 2; i >= 0; i--) at[i] = gradient(graph, i, at);
    return at;
  };
  // All sums of some, not all, of what comes to node i.
  const partial = (graph, i, at) => {
    const parts = arrows(graph, i).map(({ j, k }) => handed(graph, j, at[j])[k]);
    const subsets = Array.from({ length: 2 ** parts.length - 2 }, (_, bits) => parts.filter((_, n) => ((bits + 1) >> n) & 1));
    return subsets.map(total);
  };

  // What each slip gives at node i, when the gradients at the others are right.
  function* slips(graph, i, at) {
    const uses = arrows(graph, i);
    const last = at.length - 1;
    for (const { j } of uses)
      if (j !== last)
        for (const early of partial(graph, j, at)) yield ["order", gradient(graph, i, { ...at, [j]: early }), j];
    for (const sum of partial(graph, i, at)) yield ["path", sum, i];
    for (const slip of Object.keys(SLIPS))
      for (const n of [-1, ...uses.keys()]) {
        const slipped = gradient(graph, i, at, (m) => (n < 0 || n === m ? slip : undefined));
        // Of a difference, only the second input has a sign to be mistaken.
        const matters = ({ j, k }, m) => (n < 0 || n === m) && SLIPS[slip][graph.nodes[j].op] && (slip !== "sign" || k === 1);
        if (uses.some(matters)) yield [slip, slipped, i];
      }
    if (uses.some(({ j }) => j !== last)) yield ["chain", gradient(graph, i, at.map((g) => g.map(() => 1))), i];
  }

  const write = (value) => {
    const text = value.map((n) => String(n).replace("-", "−"));
    return value.length > 1 ? `(${text.join(", ")})` : text[0];
  };
  const draw = (number) => {
    const random = draws(number);
    for (;;) {
      const graph = attempt(random, number % 3 === 0);
      const at = gradients(graph);
      const inner = [...at.keys()].slice(0, -1);
      const shared = inner.some((i) => graph.nodes[i].inputs.length && arrows(graph, i).length > 1);
      const small = [...at, ...graph.nodes.map(({ value }) => value)].flat().every((n) => n && Math.abs(n) < 200);
      // No slip may give the right number, or that of another slip (the last two may).
      const tells = () =>
        inner.every((i) => {
          const kinds = new Map([[write(at[i]), "right"]]);
          return [...slips(graph, i, at)].every(([kind, wrong]) => {
            const before = kinds.get(write(wrong));
            if (!before) kinds.set(write(wrong), kind);
            return !before || before === kind || (before !== "right" && ["flat", "chain"].includes(kind));
          });
        });
      if (shared && small && tells()) return { ...graph, at };
    }
  };

  const told = ({ nodes }) => ({
    order: (j) => `order: ${nodes[j].name} handed on a part of its gradient. Everything that uses ${nodes[j].name} comes before it.`,
    path: (i) => `a path forgotten: how many arrows leave ${nodes[i].name}? Add up over all of them.`,
    sign: () => "local slope: when b grows, does a − b grow?",
    factor: () => "local slope: that of a product with respect to one factor is the other factor.",
    flat: () => "local slope: 1 is that of a sum. By how much does a product change when one factor grows by 1?",
    transpose: () => "transpose: the entry j of x is used in every row, with the slopes in column j of W.",
    chain: () => "local slopes alone: multiply each by the gradient at the end of its arrow.",
    follows: (j) => `right, from what you have at ${nodes[j].name}. But that is not right itself: mend it first.`,
    other: () => "no slip that this page knows. At each arrow that leaves: its slope times the gradient at its end; then add up.",
  });
  const judge = (graph, i, given) => {
    const { at } = graph;
    const say = told(graph);
    if (same(given[i], at[i])) return "right";
    const wrong = arrows(graph, i).find(({ j }) => given[j] && !same(given[j], at[j]));
    const mine = at.map((g, j) => given[j] || g);
    if (wrong && same(given[i], gradient(graph, i, mine))) return say.follows(wrong.j);
    const found = [...slips(graph, i, at)].find(([, g]) => same(g, given[i]));
    return found ? say[found[0]](found[2]) : say.other();
  };

  const line = ({ nodes }, { name, op, inputs, value, matrix }) => {
    if (!op) return `${name} = ${write(value)}`;
    const names = inputs.map((i) => nodes[i].name);
    if (matrix) return `${name} = W ${names[0]} = ${write(value)}, the rows of W are ${matrix.map(write).join(" and ")}`;
    return `${name} = ${names.join(` ${op} `)} = ${write(value)}`;
  };
  const picture = ({ nodes, places }) => {
    const half = Math.max(...nodes.map(({ name, value }) => 8 + 4 * `${name} = ${write(value)}`.length));
    const at = places.map(([x, y]) => [half + 4 + (2 * half + 34) * x, 24 + 84 * y]);
    const width = Math.max(...at.map(([x]) => x)) + half + 4;
    const lines = nodes.flatMap(({ inputs }, j) =>
      inputs.map((i) => {
        const [[x0, y0], [x1, y1]] = [at[i], at[j]];
        const length = Math.hypot(x1 - x0, y1 - y0);
        const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
        const [x, y] = [x1 - half * dx, y1 - 18 * dy];
        return `<path d="M${x0 + half * dx} ${y0 + 18 * dy}L${x} ${y}m${-8 * dx - 4 * dy} ${-8 * dy + 4 * dx}L${x} ${y}l${-8 * dx + 4 * dy} ${-8 * dy - 4 * dx}"/>`;
      }),
    );
    const boxes = nodes.map(
      ({ name, value }, i) =>
        `<rect x="${at[i][0] - half}" y="${at[i][1] - 15}" width="${2 * half}" height="30" rx="6"/>` +
        `<text x="${at[i][0]}" y="${at[i][1] + 5}">${name} = ${write(value)}</text>`,
    );
    return `<svg viewBox="0 0 ${width} 132" aria-hidden="true">${lines.join("")}${boxes.join("")}</svg>`;
  };

  document.querySelectorAll(".admonition.drill").forEach((drill) => {
    const title = drill.querySelector(".admonition-title");
    const number = make("input", { type: "number", min: 1, step: 1, value: 1 });
    const next = make("button", { type: "button", textContent: "Next graph" });
    const shown = make("div", { className: "graph" });
    const fields = make("fieldset");
    const status = make("div", { className: "feedback" });
    status.setAttribute("role", "status");
    const check = make("button", { textContent: "Check" });
    const form = make("form", { noValidate: true }, make("label", {}, "Graph number ", number), shown, fields, check, next, status);
    drill.replaceChildren(title, form);

    let graph, inputs;
    const renew = () => {
      drill.graph = graph = draw(Math.max(1, Math.floor(Number(number.value)) || 1));
      shown.innerHTML = picture(graph);
      shown.append(make("ul", {}, ...graph.nodes.map((node) => make("li", { textContent: line(graph, node) }))));
      const legend = make("legend", { textContent: "Fill in the gradient at each node, from the right. At ℓ it is 1." });
      inputs = graph.nodes.map(({ value }, i) =>
        i === graph.nodes.length - 1
          ? []
          : value.map(() => make("input", { type: "text", inputMode: "text", autocomplete: "off", size: 5 })),
      );
      const rows = graph.nodes.slice(0, -1).map(({ name }, i) =>
        make("div", { className: "row" }, ...inputs[i].map((input, k) => {
          const entry = inputs[i].length > 1 ? `, entry ${k + 1}` : "";
          return make("label", {}, `δ at ${name}${entry} `, input);
        })),
      );
      fields.replaceChildren(legend, ...rows.reverse());
      delete status.dataset.verdict;
      status.replaceChildren();
    };
    const say = (verdict, words, ...more) => {
      status.dataset.verdict = verdict;
      status.replaceChildren(make("strong", { textContent: words }), ...more);
    };
    const read = ({ value }) => (value.trim() ? arithmetic(value) : NaN);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      let given;
      try {
        given = inputs.map((fields) => fields.map(read));
      } catch ({ message }) {
        return say("none", message);
      }
      given = given.map((numbers) => (numbers.length && !numbers.some(Number.isNaN) ? numbers : undefined));
      given[given.length - 1] = [1];
      const nodes = [...given.keys()].slice(0, -1).reverse().filter((i) => given[i]);
      const verdicts = nodes.map((i) => [graph.nodes[i].name, judge(graph, i, given)]);
      const right = verdicts.length === given.length - 1 && verdicts.every(([, words]) => words === "right");
      if (!nodes.length) return say("none", "Give an answer first.");
      const list = make("ul", {}, ...verdicts.map(([name, words]) => make("li", { textContent: `${name}: ${words}` })));
      const verdict = verdicts.every(([, words]) => words === "right") ? "right" : "wrong";
      say(verdict, right ? "All right. On to the next graph." : "Node by node:", list);
    });
    number.addEventListener("input", renew);
    next.addEventListener("click", () => {
      number.value = Math.max(1, Math.floor(Number(number.value)) || 1) + 1;
      renew();
      number.focus();
    });
    renew();
  });
}
