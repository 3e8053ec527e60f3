/** Blocks that frame others: alert, card, carousel, container, and an agent's task_card and plan. */

import { h, uid } from "../dom.js";
import { element } from "../elements/index.js";
import { icon, spinner } from "../icons.js";
import { link } from "../mrkdwn.js";
import { richText } from "../richtext.js";
import { plain, textNodes } from "../text.js";
import { image } from "./media.js";

const ALERT_ICON = { default: "info", info: "info", warning: "warn", error: "stop", success: "ok" };

export function alert(block) {
  const level = ALERT_ICON[block.level] ? block.level : "default";
  return h(
    "div",
    { class: `block-alert alert-${level}`, role: level === "error" ? "alert" : "note" },
    icon(ALERT_ICON[level], 18),
    h("div", { class: "block-text" }, textNodes(block.text)),
  );
}

function heading(block) {
  const title = block.rich_text_title ? richText(block.rich_text_title) : textNodes(block.title);
  if (!block.title && !block.rich_text_title && !block.subtitle && !block.icon) return null;
  return h(
    "div",
    { class: "card-head" },
    block.icon ? image(block.icon, "card-icon") : null,
    h(
      "div",
      null,
      h("div", { class: "card-title" }, title),
      block.subtitle ? h("div", { class: "hint" }, textNodes(block.subtitle)) : null,
    ),
  );
}

export function card(block, surface) {
  return h(
    "article",
    { class: "block-card" },
    block.hero_image ? image(block.hero_image, "card-hero") : null,
    heading(block),
    block.body ? h("div", { class: "block-text card-body" }, textNodes(block.body)) : null,
    block.actions?.length
      ? h(
          "div",
          { class: "block-actions" },
          block.actions.map((item) => element(surface, block.block_id, item)),
        )
      : null,
  );
}

export const carousel = (block, surface) =>
  h(
    "div",
    { class: "block-carousel", role: "group", "aria-label": "Cards", tabindex: "0" },
    (block.elements ?? []).map((item) => card(item, surface)),
  );

export function container(block, surface, drawAll) {
  const id = uid("container");
  const body = h("div", { class: "container-body", id }, drawAll(block.child_blocks ?? [], surface));
  const head = heading(block);
  const classes = `block-container width-${block.width ?? "standard"}${block.has_header_divider ? " has-line" : ""}`;
  if (!block.is_collapsible) return h("section", { class: classes }, head, body);
  body.hidden = Boolean(block.default_collapsed);
  const toggle = h(
    "button",
    {
      type: "button",
      class: "container-toggle",
      "aria-controls": id,
      "aria-expanded": String(!body.hidden),
      on: {
        click: () => {
          body.hidden = !body.hidden;
          toggle.setAttribute("aria-expanded", String(!body.hidden));
        },
      },
    },
    head,
    icon("down", 16),
  );
  return h("section", { class: classes }, toggle, body);
}

const TASK_ICON = { pending: "clock", complete: "ok", error: "stop" };

export function taskCard(block) {
  return h(
    "div",
    { class: `block-task task-${block.status}` },
    block.status === "in_progress" ? spinner("In progress") : icon(TASK_ICON[block.status] ?? "clock", 16),
    h(
      "div",
      null,
      h("div", { class: "strong" }, plain(block.title)),
      block.details ? h("div", { class: "block-text" }, richText(block.details)) : null,
      block.output ? h("div", { class: "block-text hint" }, richText(block.output)) : null,
      block.sources?.length
        ? h(
            "div",
            { class: "hint" },
            block.sources.flatMap((item, index) => [index ? " · " : "", link(item.url, item.text)]),
          )
        : null,
    ),
  );
}

export const plan = (block) =>
  h(
    "section",
    { class: "block-container width-standard" },
    h("div", { class: "card-title" }, plain(block.title)),
    (block.tasks ?? []).map(taskCard),
  );
