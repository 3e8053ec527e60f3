/** The texts on a phone's screen: bubbles, links, pictures, what became of each, and pages opened from a link. */

import { append, arrange, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { clockTime, dayKey, dayLabel, exact } from "./time.js";

const STATUS = { accepted: "Sent", queued: "Sent", sent: "Sent", delivered: "Delivered" };
const FAILED = new Set(["undelivered", "failed"]);
const URL_IN_TEXT = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;

/** Seconds since 1970 of a text's time. */
export const seconds = (iso) => Date.parse(iso) / 1000 || Number(iso) || 0;

/**
 * The QR picture of a `/q/…` link over the phone's screen (in `host`), as it would be shown at the till.
 *
 * The page behind the link may not be framed (it names one person's code), so its picture, `/q/….png`, stands for it.
 */
function openSheet(host, url) {
  const shut = () => host.replaceChildren();
  const page = new URL(url, location.href);
  const picture = new URL(`${page.pathname}.png`, page);
  const outside = { href: url, target: "_blank", rel: "noopener noreferrer" };
  const close = h(
    "button",
    { type: "button", class: "icon-btn", "aria-label": "Close page", on: { click: shut } },
    icon("close", 16),
  );
  const away = h(
    "a",
    { ...outside, class: "icon-btn", "aria-label": "Open in a new tab" },
    icon("external", 16),
  );
  const body = h("div", { class: "sheet-body" });
  const failed = () =>
    fill(
      body,
      icon("image", 34),
      h("p", null, "The picture could not be loaded."),
      h("a", { ...outside, class: "link" }, "Open the page instead"),
    );
  const image = h("img", { src: picture.href, alt: "QR code", on: { error: failed } });
  append(body, [
    image,
    h("p", null, "Show this at the till."),
    h("a", { ...outside, class: "link" }, "Open the page"),
  ]);
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    shut();
  };
  fill(
    host,
    h(
      "div",
      { class: "phone-sheet", role: "dialog", "aria-label": "QR code", on: { keydown: onKey } },
      h(
        "div",
        { class: "sheet-head" },
        close,
        h("span", { class: "sheet-url" }, `${page.host}${page.pathname}`),
        away,
      ),
      body,
    ),
  );
  close.focus();
}

/**
 * The list of texts of one phone.
 * @returns {{node: Element, sheet: Element, show: (texts: object[]) => void, note: (...content: Node[]) => void}}
 *   `sheet` is where pages opened from links go; it belongs over the whole screen
 */
export function makeTexts() {
  const node = h("div", { class: "texts", role: "log", "aria-live": "polite", "aria-label": "Texts" });
  const sheet = h("div", { class: "phone-sheet-host" });
  /** Bubbles by text id: one whose status changes stays, with what is clicked in it and without loading its picture again. */
  let bubbles = new Map();

  const toEnd = () => {
    node.scrollTop = node.scrollHeight;
  };

  function link(url) {
    const isQr = new URL(url).pathname.startsWith("/q/");
    const click = (event) => {
      if (!isQr || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      openSheet(sheet, url);
    };
    const className = isQr ? "qr-link" : null;
    return h(
      "a",
      { href: url, target: "_blank", rel: "noopener noreferrer", class: className, on: { click } },
      url,
    );
  }

  function linked(text) {
    const nodes = [];
    let from = 0;
    for (const match of text.matchAll(URL_IN_TEXT)) {
      nodes.push(text.slice(from, match.index), link(match[0]));
      from = match.index + match[0].length;
    }
    return [...nodes, text.slice(from)];
  }

  function picture(url) {
    const image = h("img", { src: url, alt: "Picture in the text", on: { load: toEnd } });
    return h("a", { class: "text-media", href: url, target: "_blank", rel: "noopener noreferrer" }, image);
  }

  function bubble(text) {
    const content = [text.media_url ? picture(text.media_url) : null, linked(text.body ?? "")];
    const said = h("div", { class: "bubble", title: exact(seconds(text.at)) }, content);
    return h("div", { class: `text is-${text.direction === "in" ? "received" : "sent"}` }, said);
  }

  /** Say under a bubble what became of its text; of one that did not fail, where it is the last of its side. */
  function tell(node, text, isLast) {
    const received = text.direction === "in";
    const failed = FAILED.has(text.status);
    let status = null;
    if (failed)
      status = [icon("warn", 12), received ? "Not delivered: it never reached this phone" : "Not sent"];
    else if (isLast)
      status = [received ? `${STATUS[text.status] ?? text.status} ` : "", clockTime(seconds(text.at))];
    Object.assign(node.dataset, { textId: text.id, status: text.status });
    node.classList.toggle("is-failed", failed);
    node.querySelector(".text-status")?.remove();
    if (status) node.append(h("div", { class: "text-status" }, status));
  }

  function dayLine(text) {
    const at = seconds(text.at);
    return h("div", { class: "text-day" }, h("b", null, dayLabel(at)), ` ${clockTime(at)}`);
  }

  function show(texts) {
    const kept = new Map();
    const nodes = [];
    texts.forEach((text, index) => {
      if (!index || dayKey(seconds(texts[index - 1].at)) !== dayKey(seconds(text.at))) nodes.push(dayLine(text));
      const source = JSON.stringify([text.direction, text.at, text.media_url, text.body]);
      const known = bubbles.get(text.id);
      const entry = known?.source === source ? known : { source, node: bubble(text) };
      tell(entry.node, text, texts[index + 1]?.direction !== text.direction);
      // Only what is new moves in; a status that changed is no news.
      if (known || !bubbles.size) entry.node.classList.add("is-old");
      kept.set(text.id, entry);
      nodes.push(entry.node);
    });
    bubbles = kept;
    arrange(node, nodes.length ? nodes : [h("div", { class: "phone-empty" }, "No texts on this phone yet.")]);
    toEnd();
  }

  function note(...content) {
    bubbles = new Map();
    fill(node, h("div", { class: "phone-empty" }, content));
  }

  return { node, sheet, show, note };
}
