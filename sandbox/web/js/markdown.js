/** The `markdown` block: the common part of CommonMark (headings, lists, quotes, tables, code, emphasis) to nodes. */

import { h } from "./dom.js";
import { emojify } from "./emoji.js";
import { link } from "./mrkdwn.js";

const RULES = [
  [/^`([^`\n]+)`/, (m) => h("code", null, m[1])],
  [/^!\[([^\]]*)\]\((\S+?)\)/, (m) => link(m[2], m[1] || m[2])],
  [/^\[([^\]]+)\]\((\S+?)\)/, (m) => link(m[2], m[1])],
  [/^<(https?:[^>\s]+)>/, (m) => link(m[1])],
  [/^(https?:\/\/[^\s<>)]+[^\s<>).,;:!?])/, (m) => link(m[1])],
  [/^\*\*(?=\S)([\s\S]+?\S?)\*\*/, (m) => h("strong", null, spans(m[1]))],
  [/^__(?=\S)([\s\S]+?)__/, (m) => h("strong", null, spans(m[1]))],
  [/^~~(?=\S)([\s\S]+?)~~/, (m) => h("s", null, spans(m[1]))],
  [/^\*(?=\S)([^*\n]+?)\*/, (m) => h("em", null, spans(m[1]))],
  [/^_(?=\S)([^_\n]+?)_(?!\w)/, (m) => h("em", null, spans(m[1]))],
  [/^\\([\\`*_{}[\]()#+\-.!~>|])/, (m) => m[1]],
  [/^(?: {2,}|\\)\n/, () => h("br")],
];

function spans(text) {
  const nodes = [];
  let rest = text;
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(emojify(plain));
    plain = "";
  };
  while (rest) {
    let hit = null;
    for (const [pattern, make] of RULES) {
      const match = pattern.exec(rest);
      if (match && !(match[0][0] === "_" && /\w$/.test(plain))) {
        hit = [match, make];
        break;
      }
    }
    if (hit) {
      flush();
      nodes.push(hit[1](hit[0]));
      rest = rest.slice(hit[0][0].length);
    } else {
      plain += rest[0];
      rest = rest.slice(1);
    }
  }
  flush();
  return nodes;
}

const cells = (line) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());

function table(lines) {
  const [head, , ...body] = lines;
  return h(
    "div",
    { class: "table-scroll" },
    h(
      "table",
      { class: "md-table" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          cells(head).map((cell) => h("th", { scope: "col" }, spans(cell))),
        ),
      ),
      h(
        "tbody",
        null,
        body.map((line) =>
          h(
            "tr",
            null,
            cells(line).map((cell) => h("td", null, spans(cell))),
          ),
        ),
      ),
    ),
  );
}

const ITEM = /^(\s*)(?:([-*+])|(\d+)[.)])\s+(.*)$/;

function list(lines) {
  const first = ITEM.exec(lines[0]);
  const base = first[1].length;
  const items = [];
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match && match[1].length <= base) items.push([match[4]]);
    else items[items.length - 1].push(line);
  }
  return h(
    first[3] ? "ol" : "ul",
    { class: "rt-list", start: first[3] && first[3] !== "1" ? first[3] : null },
    items.map(([head, ...rest]) =>
      h(
        "li",
        null,
        spans(head.replace(/^\[ \] /, "☐ ").replace(/^\[x\] /i, "☑ ")),
        rest.length
          ? markdown(rest.map((line) => line.replace(new RegExp(`^\\s{1,${base + 4}}`), "")).join("\n"))
          : null,
      ),
    ),
  );
}

/** Lines from `start` while `test` holds. */
const take = (lines, start, test) => {
  let end = start;
  while (end < lines.length && test(lines[end])) end += 1;
  return lines.slice(start, end);
};

/** Markdown text to an array of nodes. */
export function markdown(text) {
  const lines = String(text ?? "").split("\n");
  const nodes = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (!line.trim()) {
      at += 1;
    } else if (/^```/.test(line)) {
      const body = take(lines, at + 1, (next) => !/^```/.test(next));
      nodes.push(h("pre", null, body.join("\n")));
      at += body.length + 2;
    } else if (heading) {
      nodes.push(
        h(
          `h${Math.min(heading[1].length + 2, 6)}`,
          { class: `md-h md-h${heading[1].length}` },
          spans(heading[2]),
        ),
      );
      at += 1;
    } else if (/^\s*([-*_])(?:\s*\1){2,}\s*$/.test(line)) {
      nodes.push(h("hr"));
      at += 1;
    } else if (/^\s*>/.test(line)) {
      const body = take(lines, at, (next) => /^\s*>/.test(next));
      nodes.push(h("blockquote", null, markdown(body.map((item) => item.replace(/^\s*> ?/, "")).join("\n"))));
      at += body.length;
    } else if (ITEM.test(line)) {
      const body = take(lines, at, (next) => ITEM.test(next) || /^\s{2,}\S/.test(next));
      nodes.push(list(body));
      at += body.length;
    } else if (
      line.includes("|") &&
      /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "") &&
      (lines[at + 1] ?? "").includes("-")
    ) {
      const body = take(lines, at, (next) => next.includes("|"));
      nodes.push(table(body));
      at += body.length;
    } else {
      const body = take(
        lines,
        at,
        (next) => next.trim() && !/^(#{1,6}\s|```|\s*>)/.test(next) && !(ITEM.test(next) && next !== line),
      );
      nodes.push(h("p", null, spans(body.join("\n"))));
      at += Math.max(1, body.length);
    }
  }
  return nodes;
}
