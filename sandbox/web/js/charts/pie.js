/** Pie charts. */

import { s } from "../dom.js";
import { COLORS, dataTable, frame, legend, number, readout, short, svg } from "./parts.js";

/** A pie of at most a handful of segments, with each one's share. */
export function pie(title, segments) {
  const total = segments.reduce((sum, item) => sum + Math.max(0, Number(item.value) || 0), 0);
  const share = (value) => (total ? `${number(Math.round((value / total) * 1000) / 10)}%` : "0%");
  const tip = readout();
  const size = 200;
  const [middle, radius, hole] = [size / 2, size / 2 - 6, 46];
  let angle = -Math.PI / 2;
  const at = (r, a) =>
    [middle + r * Math.cos(a), middle + r * Math.sin(a)].map((value) => value.toFixed(2)).join(" ");
  const slices = segments.map((item, index) => {
    const value = Math.max(0, Number(item.value) || 0);
    const turn = total ? Math.min((value / total) * Math.PI * 2, Math.PI * 2 - 1e-4) : 0;
    const [from, to] = [angle, angle + turn];
    angle = to;
    const big = turn > Math.PI ? 1 : 0;
    const color = COLORS[index % COLORS.length];
    const d = `M${at(radius, from)} A${radius} ${radius} 0 ${big} 1 ${at(radius, to)} L${at(hole, to)} A${hole} ${hole} 0 ${big} 0 ${at(hole, from)}Z`;
    const mid = (from + to) / 2;
    const show = () =>
      tip.show(0.5 + (Math.cos(mid) * 70) / size, 0.5 + (Math.sin(mid) * 70) / size, item.label, [
        [color, share(value), number(value)],
      ]);
    return s("path", { d, fill: color, class: "slice", on: { pointerenter: show, pointerleave: tip.hide } });
  });
  const middleText = [
    s("text", { x: middle, y: middle - 1, class: "pie-total" }, short(total)),
    s("text", { x: middle, y: middle + 15, class: "pie-word" }, "total"),
  ];
  const list = segments.map((item, index) => [
    COLORS[index % COLORS.length],
    item.label,
    `${number(Number(item.value) || 0)} · ${share(Number(item.value) || 0)}`,
  ]);
  const node = frame(
    title,
    svg(size, size, title, slices, middleText),
    tip,
    legend(list),
    dataTable(
      title,
      ["Segment", "Value", "Share"],
      segments.map((item) => [item.label, number(item.value), share(item.value)]),
    ),
  );
  node.classList.add("chart-pie");
  return node;
}
