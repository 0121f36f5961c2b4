const phone = matchMedia("(pointer: coarse)").matches;
for (const plot of document.querySelectorAll(".plot")) {
  const { data, layout } = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
  if (plot.clientWidth < 560) {
    for (const name of Object.keys(layout)) if (/^xaxis/.test(name) && layout[name].type === "date") layout[name].nticks = 5;
    for (const trace of data) if (trace.colorbar) trace.colorbar.len = 0.6;
  }
  if (phone) layout.dragmode = false;
  Plotly.newPlot(plot, data, layout, { responsive: true, displayModeBar: false });
}
// A4 less its margins; half of that where two stand side by side. The page is laid out after this.
const paper = (plot) => (plot.closest(".wide") || !plot.closest(".figures") ? 686 : 335);
const resize = (width) =>
  document.querySelectorAll(".plot").forEach((plot) => Plotly.relayout(plot, { width: width(plot), autosize: !width(plot) }));
addEventListener("beforeprint", () => resize(paper));
addEventListener("afterprint", () => resize(() => null));
const root = document.documentElement;
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const button = document.getElementById("theme");
if (button) {
  const name = () => (button.textContent = dark() ? "Light" : "Dark");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    name();
  });
  name();
}
