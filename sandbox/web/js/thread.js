/** The panel beside the channel with one message and its replies. */

import { api } from "./api.js";
import { makeComposer } from "./composer.js";
import { fill, h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon, spinner } from "./icons.js";
import { channel, on } from "./store.js";
import { toast } from "./toasts.js";

let panel;
let current = null;
let feed;
let returnTo = null;

const belongs = (message) => message.ts === current.ts || message.thread_ts === current.ts;

function shut() {
  if (!current) return;
  current = null;
  panel.hidden = true;
  document.body.classList.remove("has-thread");
  returnTo?.isConnected && returnTo.focus({ preventScroll: true });
}

async function load() {
  const { channelId, ts } = current;
  const { messages } = await api.thread(channelId, ts);
  if (current?.ts === ts) feed.set(messages);
}

/** Open the thread of a message. */
export async function openThread(channelId, ts) {
  returnTo = document.activeElement;
  current = { channelId, ts };
  const scroller = h("div", { class: "thread-scroll" });
  feed = new Feed(scroller, { channelId, inThread: true, label: "Thread" });
  const composer = makeComposer({
    label: "Reply",
    send: async (text, fileIds) => {
      if (text.startsWith("/")) {
        toast("Commands do not work in threads. Use the box of the channel.", { kind: "error" });
        throw new Error("no commands in threads");
      }
      try {
        await api.post({
          channel: channelId,
          text,
          thread_ts: ts,
          file_ids: fileIds.length ? fileIds : undefined,
        });
      } catch (error) {
        toast(`The reply did not go through: ${error.message}`, { kind: "error" });
        throw error;
      }
    },
  });
  const close = h(
    "button",
    { type: "button", class: "icon-btn", "aria-label": "Close thread", on: { click: shut } },
    icon("close", 18),
  );
  const name = channel(channelId);
  fill(
    panel,
    h(
      "header",
      { class: "thread-head" },
      h("h2", null, "Thread"),
      h("span", { class: "hint" }, name ? (name.is_im ? name.name : `#${name.name}`) : ""),
      close,
    ),
    scroller,
    h("div", { class: "channel-foot" }, composer.node),
  );
  panel.hidden = false;
  document.body.classList.add("has-thread");
  fill(scroller, h("div", { class: "empty" }, spinner()));
  try {
    await load();
    fill(scroller, feed.list);
    feed.toBottom();
    if (matchMedia("(min-width: 721px)").matches) composer.focus();
  } catch (error) {
    fill(scroller, h("div", { class: "empty" }, `The thread could not be loaded. ${error.message}`));
  }
}

/** Build the (closed) panel into `root`. */
export function mountThread(root) {
  panel = root;
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) shut();
  });
  on("message", ({ channel: id, message }) => {
    if (current && id === current.channelId && belongs(message)) feed.put(message);
  });
  on("message_gone", ({ channel: id, ts }) => {
    if (!current || id !== current.channelId) return;
    if (ts === current.ts) shut();
    else feed.remove(ts);
  });
  on("route", shut);
  on("session", shut);
  on("again", () => current && load().catch(() => {}));
}
