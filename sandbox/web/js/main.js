/** Puts the page together and begins the session. */

import { mountChannel } from "./channel.js";
import { mountClock } from "./clock.js";
import { fill, h } from "./dom.js";
import { mountHints } from "./hints.js";
import { icon, spinner } from "./icons.js";
import "./modal.js";
import { mountPhone } from "./phone.js";
import { startSession } from "./session.js";
import { mountSidebar } from "./sidebar.js";
import { emit, on, state } from "./store.js";
import { mountTabs } from "./tabs.js";
import { mountThread } from "./thread.js";

const RETRY_MS = 2000;
const $ = (id) => document.getElementById(id);

mountSidebar($("sidebar"));
mountChannel($("channel"));
mountThread($("thread"));
mountClock($("clock"));
mountPhone($("phone"));
mountTabs($("tabs"));

const banner = $("offline");
on("line", (line) => {
  banner.hidden = line !== "lost";
  fill(banner, spinner("Reconnecting"), "The sandbox does not answer. Reconnecting; nothing is lost.");
});
on("line", () => document.body.classList.toggle("is-offline", state.line === "lost"));

/** Show what is wrong until the sandbox answers, then begin. */
async function begin() {
  const splash = $("splash");
  try {
    await startSession();
    splash.remove();
    document.body.classList.add("is-ready");
    mountHints($("layer"));
  } catch (error) {
    fill(
      splash,
      icon("warn", 28),
      h("p", null, error.message),
      h("p", { class: "hint" }, "Trying again by itself."),
    );
    setTimeout(begin, RETRY_MS);
  }
}

for (const event of ["dragover", "drop"]) addEventListener(event, (e) => e.preventDefault());
document.addEventListener(
  "visibilitychange",
  () => document.visibilityState === "visible" && state.snapshot && emit("again"),
);
begin();
