/** Where the page is: `?user=U…` says who acts, `#/C…` or `#/D…/home` what is open. */

import { botDm, channel, channels, emit, state } from "./store.js";

const KEY = "sandbox.user";

/** The person to act as: from the address, else the last one on this browser, else null. */
export function chosenUser() {
  const fromUrl = new URLSearchParams(location.search).get("user");
  try {
    return fromUrl || localStorage.getItem(KEY);
  } catch {
    return fromUrl;
  }
}

/** Keep the person in the address and on this browser. */
export function rememberUser(id) {
  const url = new URL(location.href);
  url.searchParams.set("user", id);
  history.replaceState(null, "", url);
  try {
    localStorage.setItem(KEY, id);
  } catch {
    /* a browser that keeps nothing still has the address */
  }
}

const hashOf = (id, tab) => `#/${id}${tab === "home" ? "/home" : ""}`;

/** Open a channel (`tab`: "home" or "messages" in the bot's DM). */
export function go(id, tab = "messages") {
  const hash = hashOf(id, tab);
  if (location.hash === hash) emit("tab", "chat");
  else location.hash = hash;
}

/** Set `state.channelId` and `state.tab` from the address; a channel this person does not have gives way to one they do. */
export function readRoute() {
  const [, id, tab] = location.hash.split("/");
  const found = channel(id) ?? (id?.startsWith("D") ? botDm() : null);
  const fallback =
    channels().find((item) => item.name === "marketing") ??
    channels().find((item) => !item.is_im) ??
    channels()[0];
  state.channelId = (found ?? fallback)?.id ?? null;
  state.tab = tab === "home" && found?.is_bot_dm ? "home" : "messages";
  const hash = hashOf(state.channelId, state.tab);
  if (state.channelId && location.hash !== hash && !location.hash.startsWith(`#/${state.channelId}/`))
    history.replaceState(null, "", hash);
}

addEventListener("hashchange", () => {
  if (!state.snapshot) return;
  readRoute();
  emit("route");
  emit("tab", "chat");
});
