/** What every chart has: colours, numbers in words, a legend, a readout on hover, a table for screen readers. */

import { h, s } from "../dom.js";

export const COLORS = ["#5b5fc7", "#e8912d", "#2e9e7b", "#c4417a", "#3a9bd1", "#8f6bd6"];

/** `1,234.5` */
export const number = (value) => new Intl.NumberFormat("en", { maximumFractionDigits: 2 }).format(value);
/** `12K` from ten thousand on, else `1,234.5`. */
export const short = (value) =>
  new Intl.NumberFormat("en", {
    notation: Math.abs(value) >= 10_000 ? "compact" : "standard",
    maximumFractionDigits: 2,
  }).format(value);

/** A box that follows what is pointed at: `show(x, y, title, lines)` with x and y from 0 to 1. */
export function readout() {
  const node = h("div", { class: "chart-tip", hidden: true });
  return {
    node,
    show(x, y, title, lines) {
      node.hidden = false;
      node.replaceChildren(
        h("div", { class: "strong" }, title),
        ...lines.map(([color, label, value]) =>
          h(
            "div",
            { class: "tip-line" },
            h("i", { style: { background: color } }),
            h("span", null, label),
            h("b", null, value),
          ),
        ),
      );
      node.style.left = `${x * 100}%`;
      node.style.top = `${y * 100}%`;
      node.dataset.side = x > 0.6 ? "left" : "right";
    },
    hide() {
      node.hidden = true;
    },
  };
}

/** The names and colours below a chart. */
export const legend = (items) =>
  h(
    "ul",
    { class: "chart-legend" },
    items.map(([color, label, value]) =>
      h(
        "li",
        null,
        h("i", { style: { background: color } }),
        h("span", null, label),
        value ? h("b", null, value) : null,
      ),
    ),
  );

/** The same numbers as a table, for screen readers. */
export const dataTable = (title, columns, rows) =>
  // Within a box of its own: a table itself takes no height, and would leave its room empty below the chart.
  h(
    "div",
    { class: "visually-hidden" },
    h(
      "table",
      null,
      h("caption", null, title),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          columns.map((name) => h("th", { scope: "col" }, name)),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((row) =>
          h(
            "tr",
            null,
            row.map((cell, at) => h(at ? "td" : "th", { scope: at ? null : "row" }, cell)),
          ),
        ),
      ),
    ),
  );

/** A chart with everything around it. */
export function frame(title, drawing, tip, extra, tableNode) {
  return h("div", { class: "chart" }, h("div", { class: "chart-plot" }, drawing, tip.node), extra, tableNode);
}

/** The drawing itself. */
export const svg = (width, height, title, ...children) =>
  s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart-svg", role: "img", "aria-label": title },
    ...children,
  );
