/** `rich_text_input`: text with bold, italic, strike and code, kept as Slack's rich_text. */

import { h } from "../dom.js";
import { plain } from "../text.js";

const STYLE_OF = {
  B: "bold",
  STRONG: "bold",
  I: "italic",
  EM: "italic",
  S: "strike",
  STRIKE: "strike",
  CODE: "code",
};

/** Inline runs under `node` as rich_text elements. */
function runs(node, style = {}) {
  return [...node.childNodes].flatMap((child) => {
    if (child.nodeType === Node.TEXT_NODE)
      return child.data
        ? [{ type: "text", text: child.data, ...(Object.keys(style).length ? { style } : {}) }]
        : [];
    if (child.nodeName === "BR") return [{ type: "text", text: "\n" }];
    const name = STYLE_OF[child.nodeName];
    const inner = runs(child, name ? { ...style, [name]: true } : style);
    return child.nodeName === "DIV" && child.previousSibling
      ? [{ type: "text", text: "\n" }, ...inner]
      : inner;
  });
}

function restore(value) {
  const nodes = [];
  for (const section of value?.elements ?? []) {
    for (const part of section.elements ?? []) {
      let node = document.createTextNode(part.text ?? part.url ?? "");
      for (const [style, tag] of [
        ["bold", "b"],
        ["italic", "i"],
        ["strike", "s"],
      ])
        if (part.style?.[style]) node = h(tag, null, node);
      nodes.push(node);
    }
  }
  return nodes;
}

/** @param {import("./field.js").Field} field */
export function richInput(field) {
  const area = h(
    "div",
    {
      ...field.attributes(),
      class: "input rich-area",
      contenteditable: "true",
      role: "textbox",
      "aria-multiline": "true",
      data: { ...field.attributes().data, placeholder: plain(field.element.placeholder) },
      on: {
        input: () => {
          const elements = runs(area);
          field.keep({
            rich_text_value: elements.length
              ? { type: "rich_text", elements: [{ type: "rich_text_section", elements }] }
              : null,
          });
        },
        paste: (event) => {
          event.preventDefault();
          document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
        },
        blur: () => field.dispatches && field.send({ rich_text_value: field.entry.rich_text_value }),
      },
    },
    restore(field.entry.rich_text_value),
  );
  // execCommand is old but is the one way every browser offers to style a selection with its own undo.
  const tool = (label, command, content) =>
    h(
      "button",
      {
        type: "button",
        class: "icon-btn",
        "aria-label": label,
        title: label,
        on: {
          pointerdown: (event) => event.preventDefault(),
          click: () => {
            area.focus();
            document.execCommand(command);
          },
        },
      },
      content,
    );
  return h(
    "div",
    { class: "rich-input" },
    h(
      "div",
      { class: "rich-tools", role: "toolbar", "aria-label": "Formatting" },
      tool("Bold", "bold", h("b", null, "B")),
      tool("Italic", "italic", h("i", null, "I")),
      tool("Strikethrough", "strikeThrough", h("s", null, "S")),
    ),
    area,
  );
}
