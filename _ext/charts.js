// Draw the page's charts when their place comes near. Their sliders and menus are the browser's own:
// Vega makes them from a chart's parameters. Until then, and without JavaScript, a chart's
// description stands in its place.
(() => {
  const { src, dataset } = document.currentScript;
  const charts = document.querySelectorAll("div.chart");
  let vega;
  const load = () => {
    vega ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: new URL(dataset.vega, src), onload: resolve, onerror: reject });
      document.head.append(script);
    });
    return vega;
  };

  const draw = async (chart) => {
    near.unobserve(chart);
    if (chart.querySelector(".drawing")) return;
    const specification = JSON.parse(chart.querySelector("script").textContent);
    // The page's own, for the dark too: book.css turns the lightness over.
    specification.config.background = null;
    if (specification.mark || specification.layer) {
      specification.width = "container";
      specification.autosize = { type: "fit-x", contains: "padding" };
    }
    const drawing = chart.appendChild(document.createElement("div"));
    drawing.className = "drawing";
    // Without this, a finger that drags a point is held by the element on which it came down.
    drawing.addEventListener("pointerdown", ({ target, pointerId }) => {
      if (target.closest("svg")) target.releasePointerCapture(pointerId);
    });
    await load();
    const { view } = await vegaEmbed(drawing, specification, { actions: false, renderer: "svg" });
    chart.view = view;
    // The description says it better than a list of marks.
    drawing.querySelector("svg").setAttribute("aria-hidden", "true");
    chart.querySelector("p").remove();
  };

  const near = new IntersectionObserver(
    (seen) => seen.forEach(({ target, isIntersecting }) => isIntersecting && draw(target)),
    { rootMargin: "1500px" },
  );
  // Paper shows all of them.
  const paper = matchMedia("print");
  addEventListener("beforeprint", () => charts.forEach(draw));
  if (paper.matches) charts.forEach(draw);
  else charts.forEach((chart) => near.observe(chart));
})();
