/** The `table` block: rows as they are, with a column's alignment and wrapping. */

import { h } from "../dom.js";
import { richText } from "../richtext.js";

/** The words of a cell of a table or data_table. */
export function cellText(cell) {
  if (!cell) return "";
  if (cell.type === "rich_text") return h("span", null, richText(cell)).textContent;
  return cell.text ?? (cell.value === undefined ? "" : String(cell.value));
}

/** A cell's content as nodes. */
export const cellNodes = (cell) => (cell?.type === "rich_text" ? richText(cell) : cellText(cell));

export function table(block) {
  const settings = block.column_settings ?? [];
  const look = (at, cell) =>
    `align-${settings[at]?.align ?? (cell?.type === "raw_number" ? "right" : "left")}${settings[at]?.is_wrapped ? " is-wrapped" : ""}`;
  const [head = [], ...body] = block.rows ?? [];
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      { class: "block-table" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((cell, at) => h("th", { scope: "col", class: look(at, body[0]?.[at]) }, cellNodes(cell))),
        ),
      ),
      h(
        "tbody",
        null,
        body.map((row) =>
          h(
            "tr",
            null,
            row.map((cell, at) => h("td", { class: look(at, cell) }, cellNodes(cell))),
          ),
        ),
      ),
    ),
  );
}
