/** Slack's `rich_text` blocks: sections, lists, quotes and code, with every inline element. */

import { h } from "./dom.js";
import { EMOJI, emojify } from "./emoji.js";
import { broadcast, channelMention, dateNode, link, userMention } from "./mrkdwn.js";

const TAGS = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code", highlight: "mark" };

function styled(node, style) {
  let result = node;
  for (const [name, tag] of Object.entries(TAGS)) if (style?.[name]) result = h(tag, null, result);
  return result;
}

function emojiNode(element) {
  const name = element.name ?? "";
  const glyph =
    EMOJI.get(name) ??
    (element.unicode
      ? String.fromCodePoint(...element.unicode.split("-").map((hex) => parseInt(hex, 16)))
      : null);
  return glyph
    ? h(
        "span",
        { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` },
        glyph,
      )
    : `:${name}:`;
}

function withBreaks(text) {
  return String(text ?? "")
    .split("\n")
    .flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

/** One inline element (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block) to a node. */
export function richInline(element) {
  switch (element.type) {
    case "text":
      return styled(h("span", null, withBreaks(element.text)), element.style);
    case "link":
      return styled(link(element.url, element.text || null), element.style);
    case "emoji":
      return emojiNode(element);
    case "user":
      return styled(userMention(element.user_id), element.style);
    case "channel":
      return styled(channelMention(element.channel_id), element.style);
    case "usergroup":
      return h("span", { class: "mention" }, `@${element.usergroup_id}`);
    case "team":
      return h("span", { class: "mention" }, element.team_id);
    case "broadcast":
      return broadcast(element.range);
    case "date":
      return styled(
        dateNode(element.timestamp, element.format ?? "{date}", element.url, element.fallback ?? ""),
        element.style,
      );
    case "color":
      return h(
        "span",
        { class: "color-chip" },
        h("i", {
          style: { background: /^#?[0-9a-f]{3,8}$/i.test(element.value) ? element.value : "transparent" },
        }),
        element.value,
      );
    default:
      return h("span", { class: "unknown-inline" }, emojify(element.text ?? `[${element.type}]`));
  }
}

const inlines = (elements) => (elements ?? []).map(richInline);

function list(element) {
  const tag = element.style === "ordered" ? "ol" : "ul";
  const items = (element.elements ?? []).map((item) =>
    h("li", null, item.type === "rich_text_section" ? inlines(item.elements) : richBlock(item)),
  );
  return h(
    tag,
    {
      class: `rt-list rt-indent-${Math.min(element.indent ?? 0, 8)}`,
      start: element.offset ? element.offset + 1 : null,
    },
    items,
  );
}

function richBlock(element) {
  switch (element.type) {
    case "rich_text_section":
      return h("div", { class: "rt-section" }, inlines(element.elements));
    case "rich_text_list":
      return list(element);
    case "rich_text_quote":
      return h("blockquote", null, inlines(element.elements));
    case "rich_text_preformatted":
      return h(
        "pre",
        null,
        (element.elements ?? []).map((part) =>
          part.type === "link" ? link(part.url, part.text || null) : (part.text ?? ""),
        ),
      );
    default:
      return h("div", null, richInline(element));
  }
}

/** A whole rich_text block to nodes. */
export const richText = (block) => (block.elements ?? []).map(richBlock);
