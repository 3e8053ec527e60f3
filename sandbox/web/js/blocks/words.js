/** Blocks of words: section, header, context, divider, markdown, rich text. */

import { h } from "../dom.js";
import { element } from "../elements/index.js";
import { markdown } from "../markdown.js";
import { richText } from "../richtext.js";
import { plain, textNodes } from "../text.js";

const LONG = 700;

/** Long section text is cut in messages with "See more", as Slack does, unless the block says `expand`. */
function sectionText(block, surface) {
  const node = h("div", { class: "block-text" }, textNodes(block.text));
  if (surface.kind !== "message" || block.expand || (block.text?.text?.length ?? 0) < LONG) return node;
  node.classList.add("is-cut");
  const more = h(
    "button",
    {
      type: "button",
      class: "link-btn",
      "aria-expanded": "false",
      on: {
        click: () => {
          const open = node.classList.toggle("is-cut");
          more.textContent = open ? "See more" : "See less";
          more.setAttribute("aria-expanded", String(!open));
        },
      },
    },
    "See more",
  );
  return h("div", null, node, more);
}

export function section(block, surface) {
  return h(
    "div",
    { class: `block-section${block.accessory ? " has-accessory" : ""}` },
    h(
      "div",
      { class: "section-main" },
      block.text ? sectionText(block, surface) : null,
      block.fields?.length
        ? h(
            "div",
            { class: "fields" },
            block.fields.map((field) => h("div", { class: "field-cell block-text" }, textNodes(field))),
          )
        : null,
    ),
    block.accessory
      ? h(
          "div",
          { class: `accessory accessory-${block.accessory.type}` },
          element(surface, block.block_id, block.accessory, { label: sectionLabel(block) }),
        )
      : null,
  );
}

/** What a screen reader calls a section's accessory: the section's first line. */
const sectionLabel = (block) =>
  h("span", null, textNodes(block.text)).textContent.split("\n")[0].slice(0, 80) || undefined;

export const header = (block) => h("h3", { class: "block-header" }, plain(block.text));

export const divider = () => h("hr", { class: "block-divider" });

export const context = (block, surface) =>
  h(
    "div",
    { class: "block-context" },
    (block.elements ?? []).map((item) =>
      item.type === "image"
        ? element(surface, block.block_id, item)
        : h("span", { class: "context-text" }, textNodes(item)),
    ),
  );

export const markdownBlock = (block) => h("div", { class: "block-markdown" }, markdown(block.text));

export const richTextBlock = (block) => h("div", { class: "block-rich block-text" }, richText(block));
