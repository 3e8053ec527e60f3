/** The middle of the page: the open channel with its messages and composer, or the bot's Home and Messages tabs. */

import { api } from "./api.js";
import { makeComposer } from "./composer.js";
import { avatar, userName } from "./directory.js";
import { debounce, fill, h } from "./dom.js";
import { dropFiles } from "./drop.js";
import { Feed } from "./feed.js";
import { showHome } from "./home.js";
import { icon } from "./icons.js";
import { escapeText } from "./mrkdwn.js";
import { go } from "./route.js";
import { botDm, channel, emit, meId, on, state } from "./store.js";
import { openThread } from "./thread.js";
import { now } from "./time.js";

const PAGE = 50;
const drafts = new Map();

const isReply = (message) =>
  message.thread_ts && message.thread_ts !== message.ts && message.subtype !== "thread_broadcast";

function skeleton() {
  return h(
    "div",
    { class: "skeleton", role: "status", "aria-label": "Loading messages" },
    [72, 44, 88, 60].map((width) =>
      h(
        "div",
        { class: "skeleton-msg" },
        h("i"),
        h("div", null, h("b", null), h("span", { style: { width: `${width}%` } })),
      ),
    ),
  );
}

/** Build the channel into `root`; it follows the store from then on. */
export function mountChannel(root) {
  const title = h("div", { class: "channel-title" });
  const tabs = h("div", { class: "channel-tabs", role: "tablist", "aria-label": "promobot", hidden: true });
  const faces = h("div", { class: "channel-faces" });
  const header = h(
    "header",
    { class: "channel-head" },
    h("div", { class: "channel-row" }, title, faces),
    tabs,
  );
  const scroller = h("div", { class: "channel-scroll", tabindex: "-1" });
  const home = h("div", { class: "home", hidden: true });
  const latest = h(
    "button",
    { type: "button", class: "jump", hidden: true, on: { click: () => feed.toBottom(true) } },
    icon("down", 16),
    "Latest messages",
  );
  const intro = h("div", { class: "intro" });
  const older = h("div", { class: "older", hidden: true });
  const composer = makeComposer({
    label: "Message",
    send,
    onDraft: (text) => drafts.set(state.channelId, text),
  });
  const foot = h("div", { class: "channel-foot" }, latest, composer.node);
  root.append(header, scroller, home, foot);

  let shown = null;
  let hasMore = false;
  let loadingOlder = false;
  let feed = makeFeed();

  function makeFeed() {
    const made = new Feed(scroller, {
      channelId: state.channelId,
      days: true,
      label: "Messages",
      onThread: (message) => openThread(state.channelId, message.ts),
      onDismiss: (message) => {
        made.remove(message.ts);
        api.dismiss(state.channelId, message.ts).catch(() => {});
      },
    });
    made.onScroll = () => {
      latest.hidden =
        made.atBottom || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 400;
      if (scroller.scrollTop < 200) loadOlder();
    };
    return made;
  }

  /** What the sandbox itself says to the person, as Slackbot would: nobody else sees it and it is not stored. */
  function say(text) {
    feed.put({ ts: (now().getTime() / 1000).toFixed(6), username: "Sandbox", text, is_ephemeral: true });
    feed.toBottom();
  }

  async function send(text, fileIds) {
    const channelId = state.channelId;
    feed.stuck = true;
    try {
      await api.post({ channel: channelId, text, file_ids: fileIds.length ? fileIds : undefined });
      emit("posted", { text });
    } catch (error) {
      say(`${escapeText(error.message)} What you typed is back in the box. \`${error.code}\``);
      throw error;
    }
  }

  async function loadOlder() {
    if (!hasMore || loadingOlder || !feed.messages.length) return;
    loadingOlder = true;
    older.hidden = false;
    const mine = shown;
    try {
      const page = await api.messages(state.channelId, { before: feed.messages[0].ts, limit: PAGE });
      if (mine !== shown) return;
      hasMore = page.has_more;
      feed.prepend(page.messages);
      drawIntro();
    } catch {
      hasMore = true;
    } finally {
      loadingOlder = false;
      older.hidden = true;
    }
  }

  function drawIntro() {
    const room = channel(state.channelId);
    intro.hidden = hasMore || !room;
    if (intro.hidden) return;
    fill(
      intro,
      room.is_bot_dm
        ? [
            avatar(state.snapshot.bot?.user_id, 56),
            h("h2", null, room.name),
            h(
              "p",
              null,
              "Your direct messages with promobot. It tells you here when something waits for you.",
            ),
          ]
        : [
            h("span", { class: "intro-hash" }, icon("hash", 32)),
            h("h2", null, `#${room.name}`),
            h(
              "p",
              null,
              room.topic ? `${room.topic}. ` : "",
              "This is where the channel begins. Type ",
              h("code", null, state.snapshot.commands?.[0]?.command ?? "/"),
              " to start.",
            ),
          ],
    );
  }

  function drawHeader() {
    const room = channel(state.channelId);
    if (!room) return;
    fill(
      title,
      h(
        "h1",
        null,
        room.is_bot_dm ? avatar(state.snapshot.bot?.user_id, 24) : icon("hash", 18),
        h("span", null, room.name),
      ),
      room.is_bot_dm ? h("span", { class: "badge" }, "App") : null,
      room.topic ? h("span", { class: "channel-topic", title: room.topic }, room.topic) : null,
    );
    const people = (room.members ?? []).filter((id) => id !== state.snapshot.bot?.user_id);
    fill(
      faces,
      room.is_bot_dm
        ? null
        : h(
            "span",
            { class: "faces", title: people.map(userName).join(", ") },
            people.slice(0, 4).map((id) => avatar(id, 24)),
          ),
    );
    tabs.hidden = !room.is_bot_dm;
    fill(
      tabs,
      [
        ["home", "Home"],
        ["messages", "Messages"],
      ].map(([id, label]) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${id}`,
            "aria-selected": String(state.tab === id),
            tabindex: state.tab === id ? "0" : "-1",
            on: {
              click: () => go(room.id, id),
              keydown: (event) => {
                if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
                go(room.id, id === "home" ? "messages" : "home");
                requestAnimationFrame(() => tabs.querySelector('[aria-selected="true"]').focus());
              },
            },
          },
          label,
        ),
      ),
    );
    composer.setLabel(room.is_bot_dm ? `Message ${room.name}` : `Message #${room.name}`);
  }

  async function open({ keep = false } = {}) {
    const id = state.channelId;
    const atHome = state.tab === "home" && botDm()?.id === id;
    drawHeader();
    scroller.hidden = foot.hidden = atHome;
    home.hidden = !atHome;
    if (atHome) {
      showHome(home, !keep);
      return;
    }
    if (!keep || shown !== id) {
      feed.list.remove();
      feed = makeFeed();
      composer.text = drafts.get(id) ?? "";
      fill(scroller, skeleton());
    }
    shown = id;
    try {
      const page = await api.messages(id, { limit: PAGE });
      if (shown !== id || state.channelId !== id) return;
      // After a lost line the newest page is fetched again: what was loaded above it stays where the two meet.
      const above = feed.messages.some((item) => item.ts === page.messages[0]?.ts)
        ? feed.messages.filter((item) => Number(item.ts) < Number(page.messages[0].ts))
        : [];
      if (!above.length) hasMore = page.has_more;
      feed.set([...above, ...page.messages]);
      drawIntro();
      if (!feed.list.isConnected) {
        fill(scroller, older, intro, feed.list);
        fill(older, "Loading older messages");
        feed.toBottom();
      }
      if (!keep && matchMedia("(min-width: 721px)").matches && !document.querySelector(".overlay"))
        composer.focus();
    } catch (error) {
      if (shown === id)
        fill(
          scroller,
          h(
            "div",
            { class: "empty" },
            icon("warn", 28),
            h("p", null, `The messages could not be loaded. ${error.message}`),
            h("button", { type: "button", class: "btn", on: { click: () => open() } }, "Try again"),
          ),
        );
    }
  }

  /** Tell the server that what arrived in the open channel was seen; reading it is how (README §3). */
  const read = debounce(() => {
    if (document.visibilityState === "visible" && shown === state.channelId)
      api.messages(state.channelId, { limit: 1 }).catch(() => {});
  }, 400);

  on("message", ({ channel: id, message }) => {
    if (id !== state.channelId || isReply(message)) return;
    const mine = message.user === meId();
    if (mine) feed.stuck = true;
    feed.put(message);
    read();
  });
  on("message_gone", ({ channel: id, ts }) => id === state.channelId && feed.remove(ts));
  on("route", () => open());
  on("session", () => open());
  on("again", () => open({ keep: true }));
  on("snapshot", drawHeader);
  on("minute", () => state.snapshot && feed.set(feed.messages));
  dropFiles(root, (files) => !foot.hidden && composer.attach(files));
  on("compose", (text) => {
    composer.text = text;
    composer.focus();
  });
}
