/** What the page knows, and who wants to hear when it changes. */

const listeners = new Map();

/** The one state of the page. Modules read it; only session.js and the module that owns a part write it. */
export const state = {
  /** The last `/sandbox/state` snapshot, kept current by pushes; null before the first. */
  snapshot: null,
  /** The channel that is open. */
  channelId: null,
  /** In the bot's DM: "home" or "messages". */
  tab: "messages",
  /** "connecting" | "open" | "lost": the page's own line to the sandbox. */
  line: "connecting",
};

/** Call `listener(detail)` whenever `topic` is emitted. Returns a function that stops it. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  return () => listeners.get(topic).delete(listener);
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

export const me = () => state.snapshot?.users?.find((user) => user.id === meId());
export const meId = () =>
  typeof state.snapshot?.me === "string" ? state.snapshot.me : state.snapshot?.me?.id;
export const channels = () => state.snapshot?.channels ?? [];
export const channel = (id) => channels().find((item) => item.id === id);
export const botDm = () => channels().find((item) => item.is_bot_dm);
