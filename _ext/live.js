// Train a network on the two spirals of the opening page's picture, before the reader's eyes. What
// the picture shows without this script, and to whoever asks that nothing moves, stays until then.
const WIDTH = 16;
const STEPS = 1500;
const SIDE = 64; // of the grid on which the plane is colored
const BENDS = {
  ReLU: [(z) => Math.max(z, 0), (a) => (a > 0 ? 1 : 0)],
  tanh: [Math.tanh, (a) => 1 - a * a],
  sigmoid: [(z) => 1 / (1 + Math.exp(-z)), (a) => a * (1 - a)],
  none: [(z) => z, () => 1],
};

// The same first weights at every visit.
const uniform = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

// A network of some hidden layers and one score; each layer has weights, running means, activations.
class Network {
  constructor(depth, [bend, slope], random) {
    Object.assign(this, { bend, slope, step: 0 });
    const widths = [2, ...Array(depth).fill(WIDTH), 1];
    this.layers = widths.slice(1).map((outputs, i) => {
      const inputs = widths[i];
      const count = outputs * (inputs + 1); // a row ends in its bias
      const weights = Float64Array.from({ length: count }, (_, j) =>
        j % (inputs + 1) === inputs ? 0.2 * (random() - 0.5) : (2 * random() - 1) * Math.sqrt(6 / inputs) * 0.8,
      );
      const [gradient, mean, square] = [0, 0, 0].map(() => new Float64Array(count));
      const [out, delta] = [0, 0].map(() => new Float64Array(outputs));
      return { inputs, outputs, weights, gradient, mean, square, out, delta };
    });
  }

  score(point) {
    let values = point;
    this.layers.forEach(({ inputs, outputs, weights, out }, i) => {
      const last = i === this.layers.length - 1;
      for (let row = 0, at = 0; row < outputs; row++) {
        let z = 0;
        for (let j = 0; j < inputs; j++) z += weights[at++] * values[j];
        z += weights[at++];
        out[row] = last ? z : this.bend(z);
      }
      values = out;
    });
    return values[0];
  }

  // Backpropagation of the cross-entropy: of each example the score's gradient is p - y.
  learn(points) {
    let loss = 0;
    for (const { place, label } of points) {
      const score = this.score(place);
      loss += Math.log1p(Math.exp(-Math.abs(score))) + Math.max(score, 0) - label * score;
      this.layers.at(-1).delta[0] = (1 / (1 + Math.exp(-score)) - label) / points.length;
      for (let i = this.layers.length - 1; i >= 0; i--) this.pass(i, place);
    }
    this.adam();
    return loss / points.length;
  }

  pass(i, place) {
    const { inputs, outputs, weights, gradient, delta } = this.layers[i];
    const below = this.layers[i - 1];
    const values = below ? below.out : place;
    below?.delta.fill(0);
    for (let row = 0, at = 0; row < outputs; row++, at++) {
      for (let j = 0; j < inputs; j++, at++) {
        gradient[at] += delta[row] * values[j];
        if (below) below.delta[j] += delta[row] * weights[at];
      }
      gradient[at] += delta[row];
    }
    if (below) for (let j = 0; j < inputs; j++) below.delta[j] *= this.slope(values[j]);
  }

  adam(rate = 0.01) {
    this.step += 1;
    const [first, second] = [1 - 0.9 ** this.step, 1 - 0.999 ** this.step];
    for (const { weights, gradient, mean, square } of this.layers) {
      for (let j = 0; j < weights.length; j++) {
        mean[j] += 0.1 * (gradient[j] - mean[j]);
        square[j] += 0.001 * (gradient[j] ** 2 - square[j]);
        weights[j] -= (rate * (mean[j] / first)) / (Math.sqrt(square[j] / second) + 1e-8);
      }
      gradient.fill(0);
    }
  }
}

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const start = (box) => {
  const picture = box.querySelector("svg.spirals");
  const points = [...picture.querySelectorAll("circle, path:not(.region)")].map((mark) => {
    const label = mark.localName === "circle" ? 0 : 1;
    const [x, y] = label
      ? mark.getAttribute("d").match(/[\d.]+/g).map(Number)
      : [Number(mark.getAttribute("cx")), Number(mark.getAttribute("cy"))];
    return { label, place: [x / 100 - 1, (y + 3.2 * label) / 100 - 1] };
  });

  const depth = make("input", { type: "range", min: 1, max: 4, value: 3 });
  const shown = make("output", { textContent: depth.value });
  const bend = make("select", {}, ...Object.keys(BENDS).map((name) => make("option", {}, name)));
  const button = make("button", { type: "button" });
  const said = make("p", { className: "said" });
  said.setAttribute("role", "status");
  const count = make("p", { className: "count" });
  const canvas = make("canvas", { width: SIDE, height: SIDE });
  canvas.setAttribute("aria-hidden", "true");
  const label = (words, ...parts) => make("label", {}, make("span", { textContent: words }), ...parts);
  const plane = make("div", { className: "plane" }, canvas);
  picture.replaceWith(plane);
  plane.append(picture);
  const controls = make("div", { className: "controls" });
  controls.append(label("Hidden layers", depth, shown), label("Activation", bend), button);
  box.append(controls, count, said);

  const ink = canvas.getContext("2d");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let network, frame, wrong, loss;
  let seen = true;

  const color = () => {
    const style = getComputedStyle(box);
    const [low, high] = ["--low", "--high"].map((name) =>
      style.getPropertyValue(name).match(/[\da-f]{2}/gi).map((pair) => parseInt(pair, 16)),
    );
    const image = ink.createImageData(SIDE, SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) {
      const place = [i % SIDE, Math.floor(i / SIDE)].map((at) => (2 * at + 1) / SIDE - 1);
      const p = 1 / (1 + Math.exp(-2 * network.score(place)));
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = low[c] + p * (high[c] - low[c]);
      image.data[4 * i + 3] = 255;
    }
    ink.putImageData(image, 0, 0);
    wrong = points.filter(({ place, label }) => network.score(place) > 0 !== (label === 1)).length;
    count.textContent = `Step ${network.step}: loss ${loss.toFixed(3)}, ${wrong} of ${points.length} points wrong`;
  };
  const running = () => frame !== undefined;
  const done = () => network.step >= STEPS || (wrong === 0 && loss < 0.02);
  const name = () => {
    button.textContent = running() ? "Pause" : network && !done() ? "Go on" : "Train";
  };
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = undefined;
    name();
  };
  const finish = () => {
    stop();
    said.textContent =
      wrong === 0
        ? `All ${points.length} points are right after ${network.step} steps.`
        : `${wrong} of ${points.length} points stay wrong after ${network.step} steps.`;
  };
  // A few steps, or the colors: on a slow phone, too, the page stays free between them.
  let due = 0;
  const tick = () => {
    const end = performance.now() + 5;
    const most = still.matches ? STEPS : network.step + 8;
    do loss = network.learn(points);
    while (network.step < Math.min(most, STEPS) && (still.matches || performance.now() < end));
    if (still.matches || due++ % 2 || network.step >= STEPS) color();
    if (done()) finish();
    else frame = requestAnimationFrame(tick);
  };
  const go = () => {
    if (!seen) return;
    frame ??= requestAnimationFrame(tick);
    name();
  };
  const anew = () => {
    network = new Network(Number(depth.value), BENDS[bend.value], uniform(7));
    shown.textContent = depth.value;
    said.textContent = "";
    box.classList.add("trained");
    go();
  };
  for (const control of [depth, bend]) control.addEventListener("input", anew);
  button.addEventListener("click", () => {
    if (running()) stop();
    else if (network && !done()) go();
    else anew();
  });
  // Colors of the other scheme; and no work for what is out of sight.
  new MutationObserver(() => network && !running() && color()).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  let paused = false;
  new IntersectionObserver(([{ isIntersecting }]) => {
    seen = isIntersecting;
    if (!seen && running()) {
      stop();
      paused = true;
    } else if (seen && paused) {
      paused = false;
      go();
    }
  }).observe(picture);
  name();
  if (!still.matches) (window.requestIdleCallback ?? setTimeout)(anew);
};

for (const box of document.querySelectorAll(".live")) start(box);
