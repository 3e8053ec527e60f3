/** The left side: the workspace, its channels, the app, whether the bot is there, and who one acts as. */

import { avatar } from "./directory.js";
import { fill, h } from "./dom.js";
import { icon, spinner } from "./icons.js";
import { go } from "./route.js";
import { startSession } from "./session.js";
import { channels, emit, meId, on, state } from "./store.js";
import { toast } from "./toasts.js";
import { openSwitcher } from "./switcher.js";

function item(room) {
  const current = room.id === state.channelId;
  const unread = !current && room.unread > 0;
  return h(
    "li",
    null,
    h(
      "a",
      {
        class: `side-item${current ? " is-current" : ""}${unread ? " is-unread" : ""}`,
        href: `#/${room.id}${room.is_bot_dm ? "/home" : ""}`,
        "aria-current": current ? "page" : null,
        data: { channel: room.id },
        on: {
          click: (event) => {
            event.preventDefault();
            // Unread words before the home tab: they are what the person came for.
            go(room.id, room.is_bot_dm && !unread ? "home" : "messages");
          },
        },
      },
      room.is_im ? avatar(state.snapshot.bot?.user_id, 20) : icon("hash", 18),
      h("span", { class: "side-name" }, room.name),
      unread
        ? h(
            "span",
            { class: "unread", "aria-label": `${room.unread} unread` },
            room.unread > 99 ? "99+" : room.unread,
          )
        : null,
    ),
  );
}

const ROLE_WORDS = { marketer: "Marketer", approver: "Approver", admin: "Admin" };
const roleOf = (user) => ROLE_WORDS[user.role] ?? user.role ?? "";

async function actAs(user) {
  if (user.id === meId()) return;
  try {
    await startSession(user.id);
    emit("acted", user);
  } catch (error) {
    toast(`${user.real_name} could not be chosen: ${error.message}`, { kind: "error" });
  }
}

function personas(root) {
  const people = (state.snapshot.users ?? []).filter((user) => !user.is_bot);
  fill(
    root,
    h("div", { class: "side-label", id: "act-as" }, "Act as"),
    h(
      "div",
      { class: "personas", role: "radiogroup", "aria-labelledby": "act-as" },
      people.map((user, index) =>
        h(
          "button",
          {
            type: "button",
            class: "persona",
            role: "radio",
            "aria-checked": String(user.id === meId()),
            tabindex: user.id === meId() ? "0" : "-1",
            data: { user: user.id },
            title: [user.real_name, user.title].filter(Boolean).join(", "),
            on: {
              click: () => actAs(user),
              keydown: (event) => {
                const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
                if (!step) return;
                event.preventDefault();
                const next = people[(index + step + people.length) % people.length];
                actAs(next).then(() => root.querySelector(`[data-user="${next.id}"]`)?.focus());
              },
            },
          },
          avatar(user.id, 28),
          h(
            "span",
            { class: "persona-text" },
            h("span", { class: "persona-name" }, user.real_name.split(" ")[0]),
            h("span", { class: "persona-role" }, roleOf(user)),
          ),
          icon("check", 16),
        ),
      ),
    ),
  );
}

/** Build the sidebar into `root`. */
export function mountSidebar(root) {
  const name = h("div", { class: "workspace" });
  const status = h("div", { class: "bot-status", role: "status" });
  const list = h("ul", { class: "side-list" });
  const apps = h("ul", { class: "side-list" });
  const people = h("div", { class: "act-as" });
  const jump = h(
    "button",
    { type: "button", class: "side-search", on: { click: () => openSwitcher() } },
    icon("search", 16),
    h("span", null, "Jump to"),
    h("kbd", null, /Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"),
  );
  root.append(
    name,
    jump,
    h(
      "nav",
      { class: "side-scroll", "aria-label": "Channels" },
      h("div", { class: "side-label" }, "Channels"),
      list,
      h("div", { class: "side-label" }, "Apps"),
      apps,
    ),
    status,
    people,
  );

  function draw() {
    if (!state.snapshot) return;
    const team = state.snapshot.team;
    fill(
      name,
      h("span", { class: "workspace-mark", "aria-hidden": "true" }, (team?.name ?? "S")[0]),
      h("span", { class: "workspace-name" }, team?.name ?? "Sandbox"),
    );
    fill(
      list,
      channels()
        .filter((room) => !room.is_im)
        .map(item),
    );
    fill(
      apps,
      channels()
        .filter((room) => room.is_im)
        .map(item),
    );
    personas(people);
    const unread = channels().reduce(
      (sum, room) => sum + (room.id === state.channelId ? 0 : (room.unread ?? 0)),
      0,
    );
    document.title = `${unread ? `(${unread}) ` : ""}${channels().find((room) => room.id === state.channelId)?.name ?? "Sandbox"} · ${team?.name ?? "Sandbox"}`;
  }

  function drawStatus() {
    const bot = state.snapshot?.bot;
    const offline = state.line === "lost";
    const kind = offline ? "lost" : bot?.connected ? "on" : "wait";
    status.className = `bot-status is-${kind}`;
    fill(
      status,
      kind === "on"
        ? [h("i", { class: "dot" }), "promobot is connected"]
        : kind === "wait"
          ? [spinner("Connecting"), "promobot is connecting…"]
          : [spinner("Reconnecting"), "Offline. Reconnecting…"],
    );
  }

  for (const topic of ["session", "snapshot", "route"]) on(topic, draw);
  for (const topic of ["session", "bot", "line"]) on(topic, drawStatus);
  on("route", () => {
    const room = channels().find((entry) => entry.id === state.channelId);
    if (room) room.unread = 0;
    draw();
  });
}
