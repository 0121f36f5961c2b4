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
const fit = () => document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot));
addEventListener("beforeprint", fit);
addEventListener("afterprint", fit);
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
