/** One message: author, time, content, files, thread, and the tools that appear when it is pointed at. */

import { avatar, user, userName } from "./directory.js";
import { renderBlocks } from "./blocks/index.js";
import { append, h } from "./dom.js";
import { EMOJI, isJumbo } from "./emoji.js";
import { fileNode } from "./files.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { makeSurface } from "./surface.js";
import { plain } from "./text.js";
import { ago, clockTime, dayKey, exact } from "./time.js";
import { toast } from "./toasts.js";

const GROUP_SECONDS = 5 * 60;

export const isBot = (message) =>
  Boolean(message.bot_id || user(message.user)?.is_bot || message.subtype === "bot_message");
const authorKey = (message) => `${message.user ?? message.bot_id ?? ""}/${message.username ?? ""}`;
const authorName = (message) =>
  message.username || (message.user ? userName(message.user) : userName(message.bot_id) || "App");

/** Whether `message` follows `previous` so closely that its author need not be named again. */
export function continues(previous, message) {
  if (!previous || previous.subtype || message.subtype) return false;
  return (
    authorKey(previous) === authorKey(message) &&
    dayKey(previous.ts) === dayKey(message.ts) &&
    Number(message.ts) - Number(previous.ts) < GROUP_SECONDS &&
    !previous.is_ephemeral &&
    !message.is_ephemeral
  );
}

const edited = (message) =>
  message.edited
    ? h("span", { class: "edited", title: message.edited.ts ? exact(message.edited.ts) : null }, " (edited)")
    : null;

function attachment(item, surface) {
  const color =
    { good: "#2e9e7b", warning: "#e8912d", danger: "#d1395f" }[item.color] ??
    (/^#?[0-9a-f]{3,6}$/i.test(item.color ?? "")
      ? item.color.startsWith("#")
        ? item.color
        : `#${item.color}`
      : "var(--line-strong)");
  const body = h("div", { class: "attachment-body" });
  if (item.blocks) renderBlocks(body, item.blocks, surface);
  else {
    append(body, [
      item.title
        ? h(
            "div",
            { class: "strong" },
            mrkdwn(item.title_link ? `<${item.title_link}|${item.title}>` : item.title),
          )
        : null,
      item.text ? h("div", { class: "block-text" }, mrkdwn(item.text)) : null,
      item.fields
        ? h(
            "div",
            { class: "fields" },
            item.fields.map((field) =>
              h(
                "div",
                { class: "field-cell" },
                h("div", { class: "strong" }, field.title),
                mrkdwn(field.value),
              ),
            ),
          )
        : null,
      item.image_url ? h("img", { class: "picture", src: item.image_url, alt: item.fallback ?? "" }) : null,
      item.footer ? h("div", { class: "hint" }, item.footer) : null,
    ]);
  }
  return h(
    "div",
    null,
    item.pretext ? h("div", { class: "block-text" }, mrkdwn(item.pretext)) : null,
    h(
      "div",
      { class: "attachment" },
      h("i", { class: "attachment-bar", style: { background: color } }),
      body,
    ),
  );
}

function threadSummary(message, open) {
  if (!message.reply_count) return null;
  const count = message.reply_count;
  return h(
    "button",
    { type: "button", class: "thread-summary", on: { click: open } },
    h(
      "span",
      { class: "faces" },
      (message.reply_users ?? []).slice(0, 4).map((id) => avatar(id, 22)),
    ),
    h("span", { class: "strong link-color" }, `${count} ${count === 1 ? "reply" : "replies"}`),
    message.latest_reply ? h("span", { class: "hint" }, `Last reply ${ago(message.latest_reply)}`) : null,
    icon("forward", 14),
  );
}

const reactions = (message) =>
  message.reactions?.length
    ? h(
        "div",
        { class: "reactions" },
        message.reactions.map((item) =>
          h(
            "span",
            {
              class: "reaction",
              title: `${(item.users ?? []).map(userName).join(", ")} reacted with :${item.name}:`,
            },
            EMOJI.get(item.name) ?? `:${item.name}:`,
            h("b", null, item.count),
          ),
        ),
      )
    : null;

/**
 * A message's node, with `node.update(message, {compact})` to change it in place.
 * @param {object} message Slack's message object; `is_ephemeral` when only the reader sees it
 * @param {{channelId: string, compact?: boolean, inThread?: boolean, onThread?: (message: object) => void, onDismiss?: (message: object) => void}} options
 */
export function messageNode(message, options) {
  const { channelId } = options;
  const problem = h("div", { class: "message-problem", role: "alert", hidden: true });
  const surface = makeSurface(
    "message",
    `${channelId}/${message.ts}`,
    {
      type: "message",
      channel: channelId,
      message_ts: message.ts,
      is_ephemeral: Boolean(message.is_ephemeral),
    },
    {
      onError: (error) => {
        problem.hidden = !error;
        problem.replaceChildren(...(error ? [icon("warn", 14), document.createTextNode(error.message)] : []));
      },
    },
  );
  const gutter = h("div", { class: "msg-gutter" });
  const head = h("div", { class: "msg-head" });
  const content = h("div", { class: "msg-content" });
  const text = h("div", { class: "msg-text" });
  const blocks = h("div", { class: "msg-blocks" });
  const rest = h("div", { class: "msg-rest" });
  content.append(text, blocks, problem, rest);
  const tools = h("div", { class: "msg-tools" });
  const only = h("div", { class: "only-you" }, icon("eye", 14), "Only visible to you");
  const node = h(
    "article",
    { class: "msg", data: { ts: message.ts } },
    only,
    gutter,
    h("div", { class: "msg-body" }, head, content),
    tools,
  );

  node.update = (next, { compact = false } = {}) => {
    const at = h(
      "a",
      {
        class: "msg-time",
        title: exact(next.ts),
        href: `#/${channelId}/${next.ts}`,
        on: { click: (event) => event.preventDefault() },
        tabindex: "-1",
      },
      h("time", { datetime: new Date(next.ts * 1000).toISOString() }, clockTime(next.ts)),
    );
    node.classList.toggle("is-compact", compact);
    node.classList.toggle("is-ephemeral", Boolean(next.is_ephemeral));
    node.classList.toggle(
      "is-system",
      Boolean(
        next.subtype &&
        !["bot_message", "thread_broadcast", "file_share", "me_message"].includes(next.subtype),
      ),
    );
    node.setAttribute("aria-label", `${authorName(next)}, ${clockTime(next.ts)}`);
    only.hidden = !next.is_ephemeral;
    gutter.replaceChildren(compact ? at : avatar(next.user ?? next.bot_id, 36, authorName(next)));
    head.hidden = compact;
    head.replaceChildren(
      ...[
        h("span", { class: "msg-author" }, authorName(next)),
        isBot(next) ? h("span", { class: "badge" }, "App") : null,
        compact ? null : at,
      ].filter(Boolean),
    );
    const hasBlocks = Boolean(next.blocks?.length);
    text.replaceChildren();
    if (!hasBlocks && next.text)
      append(text, [
        h(
          "div",
          { class: `block-text${isJumbo(next.text) ? " is-jumbo" : ""}` },
          mrkdwn(next.text),
          edited(next),
        ),
      ]);
    renderBlocks(blocks, next.blocks ?? [], surface);
    rest.replaceChildren();
    append(rest, [
      hasBlocks && next.edited ? h("div", { class: "edited-line" }, edited(next)) : null,
      (next.attachments ?? []).map((item) => attachment(item, surface)),
      next.files?.length
        ? h(
            "div",
            { class: "msg-files" },
            next.files.filter((file) => file.mode !== "tombstone").map(fileNode),
            next.files.some((file) => file.mode === "tombstone")
              ? h("div", { class: "hint" }, "This file was deleted.")
              : null,
          )
        : null,
      reactions(next),
      options.inThread ? null : threadSummary(next, () => options.onThread?.(next)),
    ]);
    drawTools(next);
  };

  function drawTools(next) {
    const words =
      [next.text, ...(next.blocks ?? []).map((block) => plain(block.text))].filter(Boolean)[0] ?? "";
    tools.replaceChildren();
    append(tools, [
      !options.inThread && !next.is_ephemeral && options.onThread
        ? h(
            "button",
            {
              type: "button",
              class: "icon-btn",
              "aria-label": "Reply in thread",
              title: "Reply in thread",
              on: { click: () => options.onThread(next) },
            },
            icon("reply", 18),
          )
        : null,
      h(
        "button",
        {
          type: "button",
          class: "icon-btn",
          "aria-label": "Copy text",
          title: "Copy text",
          on: {
            click: async () => {
              try {
                await navigator.clipboard.writeText(node.querySelector(".msg-content").innerText || words);
                toast("Copied", { kind: "ok" });
              } catch {
                toast("The browser did not allow copying.", { kind: "error" });
              }
            },
          },
        },
        icon("copy", 18),
      ),
      next.is_ephemeral && options.onDismiss
        ? h(
            "button",
            {
              type: "button",
              class: "icon-btn",
              "aria-label": "Dismiss message",
              title: "Dismiss message",
              on: { click: () => options.onDismiss(next) },
            },
            icon("close", 18),
          )
        : null,
    ]);
  }

  node.update(message, options);
  return node;
}
