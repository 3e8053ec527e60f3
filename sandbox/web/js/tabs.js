/** On a phone's width the three columns become tabs at the bottom. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { knownPhones } from "./phones.js";
import { channels, on, state } from "./store.js";

const TABS = [
  ["side", "Channels", "list"],
  ["chat", "Chat", "chats"],
  ["phone", "Phone", "phone"],
];

/** Build the tab bar into `root`; `document.body.dataset.tab` says which column shows. */
export function mountTabs(root) {
  const buttons = new Map(
    TABS.map(([id, label, glyph]) => {
      const badge = h("span", { class: "unread", hidden: true });
      return [
        id,
        {
          badge,
          node: h(
            "button",
            { type: "button", class: "tab", role: "tab", data: { tab: id }, on: { click: () => show(id) } },
            h("span", { class: "tab-icon" }, icon(glyph, 22), badge),
            label,
          ),
        },
      ];
    }),
  );
  root.append(...[...buttons.values()].map((entry) => entry.node));
  root.setAttribute("role", "tablist");
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const ids = TABS.map(([id]) => id);
    const next = ids[(ids.indexOf(document.body.dataset.tab) + step + ids.length) % ids.length];
    show(next);
    buttons.get(next).node.focus();
  });

  function show(id) {
    document.body.dataset.tab = id;
    for (const [key, { node }] of buttons) {
      node.setAttribute("aria-selected", String(key === id));
      node.tabIndex = key === id ? 0 : -1;
    }
    badges();
  }
  function badges() {
    const count = {
      side: channels().reduce((sum, room) => sum + (room.id === state.channelId ? 0 : (room.unread ?? 0)), 0),
      phone:
        document.body.dataset.tab === "phone"
          ? 0
          : knownPhones().reduce((sum, phone) => sum + (phone.unread ?? 0), 0),
      chat: 0,
    };
    for (const [key, { badge }] of buttons) {
      badge.hidden = !count[key];
      badge.textContent = count[key] > 99 ? "99+" : count[key];
    }
  }
  on("tab", show);
  for (const topic of ["snapshot", "phones", "route"]) on(topic, badges);
  show("chat");
}
