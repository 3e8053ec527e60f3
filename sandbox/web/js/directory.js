/** Who and what an id stands for: users and channels of the workspace, and their avatars. */

import { h, s } from "./dom.js";

const users = new Map();
const channels = new Map();
let me = null;

/** Take the people and channels of a `/sandbox/state` snapshot; the bot is a user too. */
export function learn(state) {
  users.clear();
  channels.clear();
  for (const user of state.users ?? []) users.set(user.id, user);
  for (const channel of state.channels ?? []) channels.set(channel.id, channel);
  me = typeof state.me === "string" ? state.me : (state.me?.id ?? null);
  const bot = state.bot;
  if (bot?.user_id)
    users.set(bot.user_id, {
      ...users.get(bot.user_id),
      id: bot.user_id,
      name: bot.name,
      real_name: bot.name,
      is_bot: true,
    });
}

export const user = (id) => users.get(id);
export const channel = (id) => channels.get(id);
export const allUsers = () => [...users.values()];
export const allChannels = () => [...channels.values()];
export const myId = () => me;

/** The name people see for a user id; the id itself when nobody knows it. */
export const userName = (id) => users.get(id)?.real_name || users.get(id)?.name || id || "Someone";
/** A channel's name without `#`. */
export const channelName = (id) => channels.get(id)?.name || id;

/** Up to two initials of a name. */
export function initials(name) {
  const words = String(name ?? "")
    .replace(/[^\p{L}\p{N} ]/gu, "")
    .trim()
    .split(/\s+/);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 ? words[words.length - 1][0] : "")).toUpperCase();
}

const PALETTE = ["#b3476b", "#3c7a5c", "#5b62b8", "#b0662c", "#2f7a92", "#8a4fa3", "#6d7a2c", "#a34545"];

/** A colour that stays the same for the same `key`. */
export function colorFor(key) {
  let sum = 0;
  for (const char of String(key)) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return PALETTE[sum % PALETTE.length];
}

/** The bot's face: a ticket with a percent sign. */
function ticket(size) {
  return s(
    "svg",
    { viewBox: "0 0 36 36", width: size, height: size, "aria-hidden": "true" },
    s("path", {
      d: "M7 12.500c0-1.100.9-2 2-2h18c1.100 0 2 .9 2 2v2.600a3 3 0 0 0 0 5.800v2.600c0 1.100-.9 2-2 2H9c-1.100 0-2-.9-2-2v-2.600a3 3 0 0 0 0-5.800z",
      fill: "#fff",
    }),
    s("path", {
      d: "m21.300 14.200-6.600 7.600",
      stroke: "#7c2d78",
      "stroke-width": 1.9,
      "stroke-linecap": "round",
    }),
    s("circle", { cx: 14.9, cy: 15.4, r: 1.6, fill: "none", stroke: "#7c2d78", "stroke-width": 1.6 }),
    s("circle", { cx: 21.1, cy: 20.6, r: 1.6, fill: "none", stroke: "#7c2d78", "stroke-width": 1.6 }),
  );
}

/** A square avatar, `size` pixels wide, of a user id (or a name that no user has); decorative. */
export function avatar(id, size = 36, fallbackName = null) {
  const person = users.get(id);
  const name = person?.real_name || person?.name || fallbackName || id;
  const box = {
    width: `${size}px`,
    height: `${size}px`,
    "font-size": `${Math.round(size * 0.4)}px`,
    "border-radius": `${Math.max(4, Math.round(size * 0.2))}px`,
  };
  if (person?.is_bot)
    return h("span", { class: "avatar avatar-bot", style: box, "aria-hidden": "true" }, ticket(size));
  const color = person?.color
    ? person.color.startsWith("#")
      ? person.color
      : `#${person.color}`
    : colorFor(name);
  return h(
    "span",
    { class: "avatar", style: { ...box, background: color }, "aria-hidden": "true" },
    initials(name),
  );
}
