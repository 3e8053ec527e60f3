/** One person's session: the snapshot, the pushes that keep it current, and changing who acts. */

import { actAs, api } from "./api.js";
import { learn } from "./directory.js";
import { chosenUser, readRoute, rememberUser } from "./route.js";
import { openSocket } from "./socket.js";
import { emit, meId, state } from "./store.js";
import { setOffset, setZone } from "./time.js";
import { toast } from "./toasts.js";

let socket = null;

/** Who acts when nobody was chosen yet (README §1). */
const FIRST_USER = "U0MAYA";

function takeSnapshot(snapshot) {
  state.snapshot = snapshot;
  learn(snapshot);
  setOffset(snapshot.clock?.offset_seconds);
  setZone(snapshot.users?.find((user) => user.id === meId())?.tz);
}

const patchChannel = (id, change) => {
  state.snapshot.channels = state.snapshot.channels.map((item) =>
    item.id === id ? { ...item, ...change } : item,
  );
  emit("snapshot");
};

/** What each push does to the state, and which topic it becomes. */
const PUSHES = {
  message({ channel, message }) {
    const reply = message.thread_ts && message.thread_ts !== message.ts;
    const row = state.snapshot.channels.find((item) => item.id === channel);
    const seen =
      channel === state.channelId && document.visibilityState === "visible" && state.tab !== "home";
    if (row && !reply && message.user !== meId() && !seen)
      patchChannel(channel, { unread: (row.unread ?? 0) + 1, latest: message.ts });
    emit("message", { channel, message });
  },
  message_changed: ({ channel, message }) => emit("message", { channel, message }),
  message_deleted: ({ channel, message, ts }) => emit("message_gone", { channel, ts: ts ?? message?.ts }),
  ephemeral: ({ channel, message }) =>
    emit("message", { channel, message: { ...message, is_ephemeral: true } }),
  ephemeral_gone: ({ channel, ts, message }) => emit("message_gone", { channel, ts: ts ?? message?.ts }),
  view: ({ views, version }) => emit("views", { views, version }),
  home: ({ view }) => emit("home", view),
  channel({ channel }) {
    const known = state.snapshot.channels.some((item) => item.id === channel.id);
    if (known) patchChannel(channel.id, channel);
    else {
      state.snapshot.channels.push(channel);
      learn(state.snapshot);
      emit("snapshot");
    }
  },
  bot({ type: _type, ...change }) {
    state.snapshot.bot = { ...state.snapshot.bot, ...(change.bot ?? change) };
    emit("bot", state.snapshot.bot);
  },
  sms: (event) => emit("sms", event),
  clock({ now, offset_seconds: offset }) {
    state.snapshot.clock = { now, offset_seconds: offset };
    setOffset(offset);
    emit("clock");
    emit("minute");
  },
  notice: ({ text, level, detail }) =>
    toast(text ?? detail ?? "", { kind: level === "error" ? "error" : "info" }),
};

function onEvent(event) {
  if (state.snapshot) PUSHES[event.type]?.(event);
}

/** Fetch the snapshot again, as after the line was lost. */
async function refresh() {
  const snapshot = await api.state();
  takeSnapshot(snapshot);
  emit("snapshot");
  emit("bot", snapshot.bot);
  emit("clock");
  emit("views", { ...snapshot.open_views, anew: true });
  emit("again");
}

function onLine(line, again) {
  state.line = line;
  emit("line", line);
  if (again) refresh().catch(() => {});
}

/** Begin acting as `id` (or whoever was chosen last). Rejects when the sandbox does not answer. */
export async function startSession(id = chosenUser() ?? FIRST_USER) {
  socket?.stop();
  actAs(id);
  let snapshot;
  try {
    snapshot = await api.state();
  } catch (error) {
    if (id === FIRST_USER || error.code !== "user_not_found") throw error;
    // The person in the address may be from another sandbox.
    actAs(FIRST_USER);
    snapshot = await api.state();
  }
  takeSnapshot(snapshot);
  actAs(meId());
  rememberUser(meId());
  readRoute();
  emit("session");
  emit("snapshot");
  emit("bot", snapshot.bot);
  emit("clock");
  emit("views", { ...snapshot.open_views, anew: true });
  socket = openSocket({ onEvent, onLine });
}
