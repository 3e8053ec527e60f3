/**
 * Times as a reader sees them, in the zone of the person being acted as.
 *
 * `ts` is Slack's: seconds since 1970 with a fraction, as a string or number. The sandbox's clock may run ahead of the
 * computer's; `now()` is the sandbox's.
 */

let offsetMs = 0;
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Set how many seconds the sandbox's clock is ahead of this computer's. */
export function setOffset(seconds) {
  offsetMs = (seconds || 0) * 1000;
}

/** Set the IANA zone that times are shown in; an unknown one leaves the browser's. */
export function setZone(name) {
  try {
    if (name) Intl.DateTimeFormat("en-GB", { timeZone: name });
    zone = name || zone;
  } catch {
    /* keep what we have: a wrong zone must not blank every message */
  }
}

export const getZone = () => zone;

/** The sandbox's present, as a Date. */
export const now = () => new Date(Date.now() + offsetMs);

const asDate = (ts) => (ts instanceof Date ? ts : new Date(parseFloat(ts) * 1000));
const fmt = (ts, options) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(asDate(ts));

/** `14:02` */
export const clockTime = (ts) => fmt(ts, { hour: "2-digit", minute: "2-digit" });
/** `14:02:37` */
export const clockTimeSeconds = (ts) => fmt(ts, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
/** `Tuesday, 3 November` */
export const longDate = (ts) => fmt(ts, { weekday: "long", day: "numeric", month: "long" });
/** `2026-11-03` in the reader's zone: equal for two moments of the same day. */
export const dayKey = (ts) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(asDate(ts));
/** `Tuesday, 3 November 2026 at 14:02:37 Europe/Warsaw` */
export const exact = (ts) =>
  `${fmt(ts, { weekday: "long", day: "numeric", month: "long", year: "numeric" })} at ${clockTimeSeconds(ts)} ${zone.replace("_", " ")}`;

/** `Today`, `Yesterday`, `Tomorrow` or null. */
export function relativeDay(ts) {
  const key = dayKey(ts);
  for (const [word, days] of [
    ["Today", 0],
    ["Yesterday", -1],
    ["Tomorrow", 1],
  ]) {
    if (key === dayKey(new Date(now().getTime() + days * 86_400_000))) return word;
  }
  return null;
}

/** What a divider between two days says. */
export const dayLabel = (ts) => relativeDay(ts) ?? longDate(ts);

/** `14:02` today, else `Yesterday`, else `3 Nov`: the short time of a list. */
export function shortStamp(ts) {
  const day = relativeDay(ts);
  if (day === "Today") return clockTime(ts);
  return day ?? fmt(ts, { day: "numeric", month: "short" });
}

/** `just now`, `5 minutes ago`, `in 3 days`. */
export function ago(ts) {
  const seconds = (asDate(ts).getTime() - now().getTime()) / 1000;
  const rtf = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (Math.abs(seconds) < 45) return "just now";
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ]) {
    if (Math.abs(seconds) >= size || unit === "minute") return rtf.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

/** Slack's date tokens, https://docs.slack.dev/messaging/formatting-message-text#date-formatting */
const TOKENS = {
  date_num: (t) => dayKey(t),
  date_slash: (t) => dayKey(t).replaceAll("-", "/"),
  date: (t) => fmt(t, { day: "numeric", month: "long", year: "numeric" }),
  date_short: (t) => fmt(t, { day: "numeric", month: "short", year: "numeric" }),
  date_long: (t) => fmt(t, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  date_long_full: (t) => fmt(t, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  time: clockTime,
  time_secs: clockTimeSeconds,
  ago,
};

/** `format` with Slack's date tokens filled in for `ts`; an unknown token stays as it is. */
export function formatDate(ts, format) {
  return format.replace(/\{(\w+)\}/g, (whole, token) => {
    if (token === "day_divider_pretty") return dayLabel(ts);
    const pretty = token.endsWith("_pretty");
    const base = pretty ? token.slice(0, -7) : token;
    if (!TOKENS[base]) return whole;
    return (pretty && relativeDay(ts)?.toLowerCase()) || TOKENS[base](ts);
  });
}

/** Seconds since 1970 of `date` (`2026-11-03`) at `time` (`14:30`) on the clocks of the reader's zone. */
export function epochAt(date, time) {
  const wall = Date.parse(`${date}T${time}:00Z`);
  let guess = wall;
  // The zone's offset at the guess moves the guess; twice settles all but a clock change's missing hour.
  for (let round = 0; round < 2; round += 1) guess = wall - zoneOffsetMs(new Date(guess));
  return Math.round(guess / 1000);
}

function zoneOffsetMs(date) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    })
      .formatToParts(date)
      .map((part) => [part.type, part.value]),
  );
  const shown = Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  return shown - Math.floor(date.getTime() / 1000) * 1000;
}

/** `2 days 3 hours`, the two largest units of a span in seconds. */
export function span(seconds) {
  const units = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
    ["second", 1],
  ];
  let rest = Math.abs(Math.round(seconds));
  const words = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count && words.length < 2) words.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
  }
  return words.join(" ") || "0 seconds";
}
