for (const plot of document.querySelectorAll(".plot")) {
  const { data, layout } = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
  if (plot.clientWidth < 560 && layout.xaxis.type === "date") layout.xaxis.nticks = 5;
  Plotly.newPlot(plot, data, layout, { responsive: true, displayModeBar: false });
}
const fit = () => document.querySelectorAll(".plot").forEach((plot) => Plotly.Plots.resize(plot));
addEventListener("beforeprint", fit);
addEventListener("afterprint", fit);
