/** Date, time, and date with time. Dates are `2026-11-03`, times `14:30`, both together seconds since 1970. */

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { popover } from "../layer.js";
import { plain } from "../text.js";
import { clockTime, dayKey, epochAt, getZone, now } from "../time.js";
import { openList } from "./listbox.js";

const utc = (date) => new Date(`${date}T00:00:00Z`);
const iso = (date) => date.toISOString().slice(0, 10);
const words = (date, options) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options }).format(date);
const shift = (date, days) => new Date(date.getTime() + days * 86_400_000);

function monthGrid(month) {
  const first = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth(), 1));
  const start = shift(first, -((first.getUTCDay() + 6) % 7));
  return Array.from({ length: 42 }, (_, index) => shift(start, index));
}

/** A month to pick a day from; arrows move by day and week, Page keys by month. */
function openCalendar(anchor, chosen, onPick) {
  let focus = utc(chosen ?? dayKey(now()));
  const title = h("span", { class: "cal-title", "aria-live": "polite" });
  const grid = h("div", { class: "cal-grid", role: "grid" });
  const step = (months) => {
    const day = focus.getUTCDate();
    const target = new Date(Date.UTC(focus.getUTCFullYear(), focus.getUTCMonth() + months, 1));
    const last = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
    focus = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth(), Math.min(day, last)));
    draw(true);
  };
  const nav = (name, label, months) =>
    h(
      "button",
      { type: "button", class: "icon-btn", "aria-label": label, on: { click: () => step(months) } },
      icon(name, 16),
    );
  const box = h(
    "div",
    { class: "calendar", role: "dialog", "aria-label": "Choose a date" },
    h(
      "div",
      { class: "cal-head" },
      nav("back", "Previous month", -1),
      title,
      nav("forward", "Next month", 1),
    ),
    h(
      "div",
      { class: "cal-week", "aria-hidden": "true" },
      ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].map((name) => h("span", null, name)),
    ),
    grid,
    h(
      "button",
      { type: "button", class: "btn btn-small cal-today", on: { click: () => take(dayKey(now())) } },
      "Today",
    ),
  );
  const pop = popover(anchor, box, {
    class: "popover-calendar",
    onClose: (reason) => reason !== "outside" && anchor.focus(),
  });
  function take(date) {
    pop.close("picked");
    onPick(date);
  }
  function draw(grab) {
    title.textContent = words(focus, { month: "long", year: "numeric" });
    grid.replaceChildren(
      ...monthGrid(focus).map((day) => {
        const key = iso(day);
        const classes = [
          "cal-day",
          day.getUTCMonth() === focus.getUTCMonth() ? "" : "is-out",
          key === chosen ? "is-chosen" : "",
          key === dayKey(now()) ? "is-today" : "",
        ];
        return h(
          "button",
          {
            type: "button",
            class: classes.join(" "),
            role: "gridcell",
            "aria-label": words(day, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
            "aria-selected": String(key === chosen),
            tabindex: key === iso(focus) ? "0" : "-1",
            data: { day: key },
            on: { click: () => take(key) },
          },
          String(day.getUTCDate()),
        );
      }),
    );
    if (grab) grid.querySelector('[tabindex="0"]').focus();
  }
  box.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
    if (event.key in moves && grid.contains(event.target)) {
      event.preventDefault();
      focus = shift(focus, moves[event.key]);
      draw(true);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      step(event.key === "PageUp" ? -1 : 1);
    }
  });
  draw(true);
  pop.reposition();
}

/** `9:5`, `0905`, `9` or `9.05 pm` as `09:05`; null when it is no time. */
export function parseTime(text) {
  const match = /^\s*(\d{1,2})(?:[:.h ]?(\d{2}))?\s*(am|pm)?\s*$/i.exec(text);
  if (!match) return null;
  let hour = Number(match[1]);
  const minute = Number(match[2] ?? 0);
  const half = match[3]?.toLowerCase();
  if (half === "pm" && hour < 12) hour += 12;
  if (half === "am" && hour === 12) hour = 0;
  return hour < 24 && minute < 60
    ? `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`
    : null;
}

const timeOption = (time) => ({ value: time, text: { type: "plain_text", text: time } });
const QUARTERS = Array.from({ length: 96 }, (_, i) =>
  timeOption(`${String(Math.floor(i / 4)).padStart(2, "0")}:${String((i % 4) * 15).padStart(2, "0")}`),
);

function openTimes(anchor, chosen, onPick) {
  const near = chosen ?? clockTime(now());
  const list =
    QUARTERS.some((option) => option.value === chosen) || !chosen
      ? QUARTERS
      : [timeOption(chosen), ...QUARTERS];
  const start = list.find((option) => option.value >= near) ?? list[0];
  openList(anchor, {
    groups: [{ options: list }],
    search: true,
    placeholder: "14:30",
    label: "Choose a time",
    empty: "Type a time such as 14:30, then Enter",
    isSelected: (option) => option.value === (chosen ?? start.value),
    free: (text) => (parseTime(text) ? timeOption(parseTime(text)) : null),
    onPick: (option) => onPick(option.value),
  });
}

function picker(iconName, attributes, placeholder, open) {
  const label = h("span", { class: "select-value" });
  const node = h(
    "button",
    {
      type: "button",
      class: `select select-${iconName}`,
      "aria-haspopup": "dialog",
      ...attributes,
      on: { click: () => open() },
    },
    icon(iconName, 16),
    label,
  );
  node.show = (text) => {
    label.textContent = text ?? placeholder;
    node.classList.toggle("is-empty", !text);
  };
  return node;
}

const dateWords = (date) =>
  date ? words(utc(date), { weekday: "short", day: "numeric", month: "short", year: "numeric" }) : null;

/** `datepicker` */
export function datepicker(field) {
  const node = picker(
    "calendar",
    field.attributes(),
    plain(field.element.placeholder) || "Choose a date",
    () =>
      openCalendar(node, field.entry.selected_date, async (date) => {
        const done = field.change({ selected_date: date });
        show();
        if (!(await done)) show();
      }),
  );
  const show = () => node.show(dateWords(field.entry.selected_date));
  show();
  return node;
}

/** `timepicker` */
export function timepicker(field) {
  const node = picker("clock", field.attributes(), plain(field.element.placeholder) || "Choose a time", () =>
    openTimes(node, field.entry.selected_time, async (time) => {
      const done = field.change({ selected_time: time });
      show();
      if (!(await done)) show();
    }),
  );
  const show = () => node.show(field.entry.selected_time);
  show();
  return node;
}

/** `datetimepicker`: a day and a time on the reader's own clock. */
export function datetimepicker(field) {
  const chosen = field.entry.selected_date_time;
  let date = chosen ? dayKey(chosen) : null;
  let time = chosen ? clockTime(chosen) : null;
  const put = () => {
    show();
    if (date && time) field.change({ selected_date_time: epochAt(date, time) });
  };
  const attributes = field.attributes();
  const day = picker("calendar", attributes, "Date", () =>
    openCalendar(day, date, (value) => {
      date = value;
      put();
    }),
  );
  const hour = picker(
    "clock",
    { "aria-label": `${field.place.label ?? "Time"}: time`, data: { part: "time" } },
    "Time",
    () =>
      openTimes(hour, time, (value) => {
        time = value;
        put();
      }),
  );
  const show = () => {
    day.show(dateWords(date));
    hour.show(time);
  };
  show();
  return h(
    "div",
    { class: "datetime" },
    day,
    hour,
    h("span", { class: "zone" }, getZone().replace("_", " ")),
  );
}
