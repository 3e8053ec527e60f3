/**
 * The `data_table` block: sort by a column, filter by words, turn pages.
 * https://docs.slack.dev/reference/block-kit/blocks/data-table-block
 */

import { h, uid } from "../dom.js";
import { icon } from "../icons.js";
import { element } from "../elements/index.js";
import { cellNodes, cellText } from "./table.js";

const DEFAULT_PAGE = 5;
const ACTION_CELLS = new Set(["button", "action", "overflow"]);

/** How the reader left each table (page, sort, filter), so that an update of the message does not throw it back. */
const remembered = new Map();

const sortValue = (cell) =>
  cell?.type === "raw_number" ? Number(cell.value ?? cell.text) : cellText(cell).toLowerCase();

function compare(a, b) {
  const [x, y] = [sortValue(a), sortValue(b)];
  if (typeof x === "number" && typeof y === "number") return x - y;
  return String(x).localeCompare(String(y), "en", { numeric: true });
}

export function dataTable(block, surface) {
  const [head = [], ...body] = block.rows ?? [];
  const size = Math.min(100, Math.max(1, block.page_size ?? DEFAULT_PAGE));
  const rowHeader = block.row_header_column_index ?? 0;
  const memo = `${surface.key ?? ""}/${block.block_id ?? ""}/${block.caption}`;
  const view = remembered.get(memo) ?? { page: 0, sort: -1, down: false, filter: "" };
  remembered.set(memo, view);
  const numeric = head.map((_, at) => body.length > 0 && body.every((row) => row[at]?.type === "raw_number"));
  const id = uid("table");

  const rows = h("tbody");
  const foot = h("div", { class: "dt-pages" });
  const count = h("span", { class: "hint", role: "status" });
  const turn = (name, label, step) =>
    h(
      "button",
      {
        type: "button",
        class: "icon-btn",
        "aria-label": label,
        "aria-controls": id,
        on: {
          click: () => {
            view.page += step;
            draw();
          },
        },
      },
      icon(name, 16),
    );
  const previous = turn("back", "Previous page", -1);
  const next = turn("forward", "Next page", 1);
  foot.append(count, previous, next);

  const headers = head.map((cell, at) => {
    const button = h(
      "button",
      {
        type: "button",
        class: "dt-sort",
        on: {
          click: () => {
            if (view.sort !== at) Object.assign(view, { sort: at, down: false });
            else if (!view.down) view.down = true;
            else Object.assign(view, { sort: -1, down: false });
            view.page = 0;
            draw();
          },
        },
      },
      h("span", null, cellText(cell)),
      icon("sort", 14),
    );
    return h("th", { scope: "col", class: numeric[at] ? "align-right" : null }, button);
  });
  const search = h("input", {
    type: "search",
    class: "dt-filter",
    placeholder: "Filter",
    "aria-label": `Filter ${block.caption ?? "table"}`,
    value: view.filter,
    on: {
      input: () => {
        Object.assign(view, { filter: search.value, page: 0 });
        draw();
      },
      keydown: (event) => event.stopPropagation(),
    },
  });

  const cell = (item) =>
    ACTION_CELLS.has(item?.type) ? element(surface, block.block_id, item.element ?? item) : cellNodes(item);

  function draw() {
    const needle = view.filter.trim().toLowerCase();
    let shown = needle
      ? body.filter((row) => row.some((item) => cellText(item).toLowerCase().includes(needle)))
      : body;
    if (view.sort >= 0)
      shown = [...shown].sort((a, b) => compare(a[view.sort], b[view.sort]) * (view.down ? -1 : 1));
    const pages = Math.max(1, Math.ceil(shown.length / size));
    view.page = Math.min(Math.max(0, view.page), pages - 1);
    const from = view.page * size;
    const slice = shown.slice(from, from + size);
    rows.replaceChildren(
      ...(slice.length ? slice : [null]).map((row) =>
        row
          ? h(
              "tr",
              null,
              row.map((item, at) =>
                h(
                  at === rowHeader ? "th" : "td",
                  { scope: at === rowHeader ? "row" : null, class: numeric[at] ? "align-right" : null },
                  cell(item),
                ),
              ),
            )
          : h(
              "tr",
              null,
              h(
                "td",
                { colspan: head.length, class: "dt-none" },
                needle ? `Nothing holds “${view.filter}”` : "No rows",
              ),
            ),
      ),
    );
    headers.forEach((node, at) => {
      node.setAttribute("aria-sort", view.sort === at ? (view.down ? "descending" : "ascending") : "none");
      node
        .querySelector(".icon")
        .replaceWith(icon(view.sort === at ? (view.down ? "down" : "up") : "sort", 14));
    });
    count.textContent = shown.length
      ? `${from + 1}–${from + slice.length} of ${shown.length}${needle ? ` (filtered from ${body.length})` : ""}`
      : "0 rows";
    previous.disabled = view.page === 0;
    next.disabled = view.page >= pages - 1;
    foot.classList.toggle("is-single", pages === 1 && !needle);
  }

  draw();
  return h(
    "figure",
    { class: "block-data-table" },
    h("figcaption", null, h("span", { class: "strong" }, block.caption), body.length > 3 ? search : null),
    h(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": block.caption ?? "Table" },
      h(
        "table",
        { class: "block-table", id },
        h("caption", { class: "visually-hidden" }, block.caption),
        h("thead", null, h("tr", null, headers)),
        rows,
      ),
    ),
    foot,
  );
}
