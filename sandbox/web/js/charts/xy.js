/** Bar, line and area charts: categories across, values up. */

import { s } from "../dom.js";
import { COLORS, dataTable, frame, legend, number, readout, short, svg } from "./parts.js";

/** The width that a chart is drawn for unless it has less. */
export const WIDTH = 520;
const HEIGHT = 236;
const BOX = { left: 48, right: 12, top: 12, bottom: 24 };

/** Round numbers for an axis that spans `low` to `high`: about `count` of them. */
export function ticks(low, high, count = 4) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const start = Math.floor(low / step) * step;
  const out = [];
  for (let at = start; at < high + step * 0.999; at += step) out.push(Math.round(at / step) * step);
  return out;
}

/** Where things are on a chart with categories across and values up. */
function axes(categories, series, config, fromZero, wide) {
  const values = series.flatMap((item) => item.data.map((point) => Number(point.value) || 0));
  const low = fromZero
    ? Math.min(0, ...values)
    : Math.min(...values) - (Math.max(...values) - Math.min(...values)) * 0.1;
  const marks = ticks(
    // What is never negative gets no axis below zero.
    fromZero || Math.min(...values) >= 0 ? Math.min(0, ...values) : low,
    Math.max(...values, fromZero ? 1 : -Infinity),
  );
  const [min, max] = [marks[0], marks[marks.length - 1]];
  const inner = {
    width: wide - BOX.left - BOX.right - (config?.y_label ? 14 : 0),
    height: HEIGHT - BOX.top - BOX.bottom - (config?.x_label ? 14 : 0),
    left: BOX.left + (config?.y_label ? 14 : 0),
  };
  const band = inner.width / Math.max(1, categories.length);
  const y = (value) => BOX.top + inner.height * (1 - (value - min) / (max - min || 1));
  const center = (index) => inner.left + band * (index + 0.5);
  const every = Math.ceil(categories.length / Math.max(2, Math.floor(wide / 52)));
  const room = Math.max(3, Math.floor((band * every) / 6.2));
  const cut = (label) => (label.length > room ? `${label.slice(0, room - 1)}…` : label);
  const parts = [
    marks.map((mark) => [
      s("line", {
        x1: inner.left,
        x2: inner.left + inner.width,
        y1: y(mark),
        y2: y(mark),
        class: mark === 0 ? "axis-zero" : "axis-line",
      }),
      s("text", { x: inner.left - 8, y: y(mark) + 4, class: "axis-text axis-y" }, short(mark)),
    ]),
    categories.map((label, index) =>
      index % every
        ? null
        : s(
            "text",
            { x: center(index), y: BOX.top + inner.height + 17, class: "axis-text axis-x" },
            cut(String(label)),
            s("title", null, label),
          ),
    ),
    config?.x_label
      ? s(
          "text",
          { x: inner.left + inner.width / 2, y: HEIGHT - 5, class: "axis-text axis-x axis-name" },
          config.x_label,
        )
      : null,
    config?.y_label
      ? s(
          "text",
          {
            transform: `translate(11 ${BOX.top + inner.height / 2}) rotate(-90)`,
            class: "axis-text axis-x axis-name",
          },
          config.y_label,
        )
      : null,
  ];
  return { parts, y, center, band, inner, min, max };
}

const pointOf = (series, label, index) =>
  Number((series.data.find((point) => point.label === label) ?? series.data[index])?.value ?? 0);

/** Bars, lines or areas: `kind` is one of those words; `wide` the pixels it has, so that its words keep their size. */
export function xy(kind, title, series, config, wide = WIDTH) {
  const categories = config?.categories?.length
    ? config.categories
    : (series[0]?.data ?? []).map((point) => point.label);
  const plot = axes(categories, series, config, kind !== "line", wide);
  const tip = readout();
  const zero = plot.y(Math.max(plot.min, Math.min(0, plot.max)));
  const color = (index) => COLORS[index % COLORS.length];
  const marks = [];
  if (kind === "bar") {
    const gap = Math.min(10, plot.band * 0.2);
    const width = Math.min(46, (plot.band - gap) / series.length);
    series.forEach((item, n) =>
      categories.forEach((label, index) => {
        const value = pointOf(item, label, index);
        const top = plot.y(Math.max(0, value));
        const height = Math.max(value === 0 ? 0 : 1.5, Math.abs(plot.y(value) - zero));
        marks.push(
          s("rect", {
            x: plot.center(index) - (width * series.length) / 2 + width * n + 0.75,
            y: top,
            width: Math.max(1, width - 1.5),
            height,
            rx: Math.min(3, width / 4),
            fill: color(n),
            class: "bar",
            data: { index },
          }),
        );
      }),
    );
  } else {
    series.forEach((item, n) => {
      const points = categories.map((label, index) => [
        plot.center(index),
        plot.y(pointOf(item, label, index)),
      ]);
      const path = points
        .map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`)
        .join("");
      if (kind === "area")
        marks.push(
          s("path", {
            d: `${path}L${points[points.length - 1][0].toFixed(1)} ${zero}L${points[0][0].toFixed(1)} ${zero}Z`,
            fill: color(n),
            class: "area",
          }),
        );
      marks.push(s("path", { d: path, fill: "none", stroke: color(n), class: "line" }));
      if (points.length <= 31)
        points.forEach(([x, y], index) =>
          marks.push(
            s("circle", {
              cx: x,
              cy: y,
              r: points.length > 16 ? 2 : 3,
              fill: color(n),
              class: "point",
              data: { index },
            }),
          ),
        );
    });
  }
  const guide = s("line", {
    class: "guide",
    y1: BOX.top,
    y2: BOX.top + plot.inner.height,
    x1: 0,
    x2: 0,
    visibility: "hidden",
  });
  const zones = categories.map((label, index) =>
    s("rect", {
      x: plot.center(index) - plot.band / 2,
      y: BOX.top,
      width: plot.band,
      height: plot.inner.height,
      fill: "transparent",
      on: {
        pointerenter: () => {
          for (const axis of ["x1", "x2"]) guide.setAttribute(axis, plot.center(index));
          guide.setAttribute("visibility", kind === "bar" ? "hidden" : "visible");
          for (const mark of marks)
            mark.classList?.toggle(
              "is-dim",
              mark.dataset?.index !== undefined && mark.dataset.index !== String(index) && kind === "bar",
            );
          tip.show(
            plot.center(index) / wide,
            0.08,
            label,
            series.map((item, n) => [color(n), item.name, number(pointOf(item, label, index))]),
          );
        },
        pointerleave: () => {
          guide.setAttribute("visibility", "hidden");
          for (const mark of marks) mark.classList?.remove("is-dim");
          tip.hide();
        },
      },
    }),
  );
  return frame(
    title,
    svg(wide, HEIGHT, title, plot.parts, guide, marks, zones),
    tip,
    series.length > 1 || series[0]?.name ? legend(series.map((item, n) => [color(n), item.name])) : null,
    dataTable(
      title,
      [config?.x_label || "Category", ...series.map((item) => item.name)],
      categories.map((label, index) => [label, ...series.map((item) => number(pointOf(item, label, index)))]),
    ),
  );
}
