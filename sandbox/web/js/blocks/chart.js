/** The `data_visualization` block: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block */

import { h } from "../dom.js";
import { pie } from "../charts/pie.js";
import { xy } from "../charts/xy.js";

export function chart(block) {
  const data = block.chart ?? {};
  const title = typeof block.title === "string" ? block.title : (block.title?.text ?? "Chart");
  let drawing;
  if (data.type === "pie") drawing = pie(title, data.segments ?? []);
  else if (["bar", "line", "area"].includes(data.type))
    drawing = xy(data.type, title, data.series ?? [], data.axis_config);
  else drawing = h("div", { class: "unknown" }, `Chart of type ${data.type}`);
  return h("figure", { class: "block-chart" }, h("figcaption", { class: "strong" }, title), drawing);
}
