/** The `data_visualization` block: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block */

import { h } from "../dom.js";
import { pie } from "../charts/pie.js";
import { WIDTH, xy } from "../charts/xy.js";

const NARROWEST = 200;

export function chart(block) {
  const data = block.chart ?? {};
  const title = typeof block.title === "string" ? block.title : (block.title?.text ?? "Chart");
  const figure = (drawing) =>
    h("figure", { class: "block-chart" }, h("figcaption", { class: "strong" }, title), drawing);
  if (data.type === "pie") return figure(pie(title, data.segments ?? []));
  if (!["bar", "line", "area"].includes(data.type))
    return figure(h("div", { class: "unknown" }, `Chart of type ${data.type}`));
  const draw = (wide) => xy(data.type, title, data.series ?? [], data.axis_config, wide);
  let drawing = draw(WIDTH);
  let drawn = WIDTH;
  const node = figure(drawing);
  // Beside a thread or on a phone there is less room: drawn anew for it, where scaling would shrink the words too.
  new ResizeObserver(() => {
    const wide = Math.max(NARROWEST, Math.min(WIDTH, Math.floor(drawing.clientWidth)));
    if (!drawing.clientWidth || wide === drawn) return;
    const next = draw(wide);
    drawing.replaceWith(next);
    [drawing, drawn] = [next, wide];
  }).observe(node);
  return node;
}
