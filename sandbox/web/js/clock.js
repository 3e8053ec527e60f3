/** The sandbox's clock: what time it is there, and moving it ahead. */

import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { emit, on, state } from "./store.js";
import { clockTime, dayLabel, getZone, now, span } from "./time.js";
import { toast } from "./toasts.js";

/** Build the clock into `root`. */
export function mountClock(root) {
  const time = h("span", { class: "clock-time" });
  const day = h("span", { class: "clock-day" });
  const ahead = h("span", { class: "clock-ahead" });
  const buttons = [
    ["+1 hour", { advance_seconds: 3600 }, "Move the clock one hour ahead"],
    ["+1 day", { advance_seconds: 86_400 }, "Move the clock one day ahead"],
    ["Next due", { next_due: true }, "Move the clock to the next thing that promobot has to do"],
    ["Reset", { reset: true }, "Back to the real time"],
  ].map(([label, change, title]) =>
    h(
      "button",
      {
        type: "button",
        class: "clock-btn",
        title,
        data: { clock: label },
        on: { click: () => move(change) },
      },
      change.next_due ? icon("next", 14) : null,
      change.reset ? icon("reset", 14) : null,
      label,
    ),
  );
  root.append(
    h(
      "div",
      { class: "clock-face" },
      icon("clock", 20),
      h("div", { class: "clock-words", role: "status" }, h("div", null, time, " ", day), ahead),
    ),
    h("div", { class: "clock-buttons", role: "group", "aria-label": "Sandbox clock" }, buttons),
  );

  async function move(change) {
    for (const button of buttons) button.disabled = true;
    const before = state.snapshot?.clock?.offset_seconds ?? 0;
    try {
      const answer = await api.clock(change);
      if (change.next_due) toast(`The clock moved ${span(answer.offset_seconds - before)} ahead.`);
    } catch (error) {
      toast(error.message, { kind: error.code === "nothing_due" ? "info" : "error" });
    }
    for (const button of buttons) button.disabled = false;
    draw();
  }

  function draw() {
    const at = now().getTime() / 1000;
    const offset = state.snapshot?.clock?.offset_seconds ?? 0;
    time.textContent = clockTime(at);
    day.textContent = dayLabelOf(at, offset);
    fill(
      ahead,
      Math.abs(offset) < 1
        ? `Real time, ${getZone().split("/").pop().replace("_", " ")}`
        : `${span(offset)} ${offset > 0 ? "ahead of" : "behind"} real time`,
    );
    root.classList.toggle("is-moved", Math.abs(offset) >= 1);
    buttons[3].hidden = Math.abs(offset) < 1;
  }
  /** With the clock moved, "Today" would puzzle: the date itself is what matters. */
  const dayLabelOf = (at, offset) =>
    Math.abs(offset) < 1
      ? dayLabel(at)
      : new Intl.DateTimeFormat("en-GB", {
          timeZone: getZone(),
          weekday: "short",
          day: "numeric",
          month: "short",
        }).format(at * 1000);

  let minute = "";
  setInterval(() => {
    const next = clockTime(now().getTime() / 1000);
    if (next === minute) return;
    minute = next;
    draw();
    emit("minute");
  }, 1000);
  on("clock", draw);
  on("session", draw);
  draw();
}
