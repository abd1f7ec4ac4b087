// Draw the page's charts. Their sliders and menus are the browser's own: Vega makes them from a
// chart's parameters. Until then, and without JavaScript, a chart's description stands in its place.
for (const chart of document.querySelectorAll("div.chart")) {
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
  vegaEmbed(drawing, specification, { actions: false, renderer: "svg" }).then(({ view }) => {
    chart.view = view;
    // The description says it better than a list of marks.
    drawing.querySelector("svg").setAttribute("aria-hidden", "true");
    chart.querySelector("p").remove();
  });
}
