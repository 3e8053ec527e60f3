/**
 * Slack's mrkdwn to DOM nodes.
 *
 * The text arrives with `&`, `<` and `>` escaped as Slack's API asks
 * (https://docs.slack.dev/messaging/formatting-message-text); what is inside `<…>` is a link, a mention or a date.
 * Nothing is ever parsed as HTML.
 */

import { h } from "./dom.js";
import { channelName, myId, userName } from "./directory.js";
import { EMOJI } from "./emoji.js";
import { exact, formatDate } from "./time.js";

const SAFE_URL = /^(https?:|mailto:|tel:)/i;
const BARE_URL = /^https?:\/\/[^\s<>|]+/i;
const STYLES = { "*": "strong", _: "em", "~": "s" };

/** `&lt;` and its kin back to characters. */
export const unescapeText = (text) =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
/** The three characters Slack wants escaped. */
export const escapeText = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A link that opens outside; plain text when the address is not one a page may open. */
export function link(url, label) {
  if (!SAFE_URL.test(url)) return h("span", null, label ?? url);
  return h(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer", class: "link" },
    label ?? url.replace(/^mailto:|^tel:/, ""),
  );
}

/** A mention chip of a user id. */
export const userMention = (id) =>
  h("span", { class: `mention${id === myId() ? " mention-me" : ""}` }, `@${userName(id)}`);
/** A mention chip of a channel id. */
export const channelMention = (id, name) =>
  h("a", { class: "mention", href: `#/${id}` }, `#${name || channelName(id)}`);
/** A mention of everybody: `here`, `channel`, `everyone`. */
export const broadcast = (word) => h("span", { class: "mention mention-me" }, `@${word}`);

/** A `<!date^…>` as a `<time>` that shows the exact moment when pointed at. */
export function dateNode(ts, format, url, fallback) {
  let text = fallback;
  if (Number.isFinite(Number(ts))) text = formatDate(ts, format);
  const node = h(
    "time",
    { class: "date-token", title: Number.isFinite(Number(ts)) ? exact(ts) : null },
    text,
  );
  return url && SAFE_URL.test(url)
    ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer", class: "link" }, node)
    : node;
}

function entity(body) {
  const bar = body.indexOf("|");
  const target = unescapeText(bar < 0 ? body : body.slice(0, bar));
  const label = bar < 0 ? null : unescapeText(body.slice(bar + 1));
  if (target.startsWith("@")) return userMention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!date^")) {
    const [, ts, format, url] = target.split("^");
    return dateNode(ts, format ?? "{date}", url, label ?? "");
  }
  if (target.startsWith("!subteam^")) return h("span", { class: "mention" }, label ?? "@group");
  if (target.startsWith("!")) return broadcast((label ?? target.slice(1)).replace(/^@/, ""));
  return link(target, label);
}

// As in Slack, a zero-width space keeps a mark from opening and from closing a style.
const isSpace = (char) => /[\s\u200b]/.test(char);
const isWord = (char) => char !== undefined && /[\p{L}\p{N}]/u.test(char);

/** The index of the mark that closes the one at `open`, or -1: same line, no space before it, no letter after it. */
function closing(text, open) {
  const mark = text[open];
  for (let at = open + 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\n") return -1;
    if (char === "`") {
      const end = text.indexOf("`", at + 1);
      if (end > 0) at = end;
    } else if (char === "<") {
      const end = text.indexOf(">", at + 1);
      if (end > 0) at = end;
    } else if (char === mark && at > open + 1 && !isSpace(text[at - 1]) && !isWord(text[at + 1])) {
      return at;
    }
  }
  return -1;
}

/** One line or paragraph of mrkdwn (no quotes or fences) to nodes. */
export function inline(text, { verbatim = false } = {}) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(unescapeText(plain)));
    plain = "";
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    let end = -1;
    if (char === "\n") {
      flush();
      nodes.push(h("br"));
    } else if (
      char === "`" &&
      (end = text.indexOf("`", at + 1)) > at + 1 &&
      !text.slice(at, end).includes("\n")
    ) {
      flush();
      nodes.push(h("code", null, unescapeText(text.slice(at + 1, end))));
      at = end;
    } else if (char === "<" && (end = text.indexOf(">", at + 1)) > at + 1) {
      flush();
      nodes.push(entity(text.slice(at + 1, end)));
      at = end;
    } else if (
      STYLES[char] &&
      !isWord(text[at - 1]) &&
      text[at + 1] !== undefined &&
      !isSpace(text[at + 1]) &&
      (end = closing(text, at)) > 0
    ) {
      flush();
      nodes.push(h(STYLES[char], null, inline(text.slice(at + 1, end), { verbatim })));
      at = end;
    } else if (char === ":") {
      const match = /^:([a-z0-9_+'-]+):(?::skin-tone-[2-6]:)?/.exec(text.slice(at, at + 60));
      if (match && EMOJI.has(match[1])) {
        flush();
        nodes.push(
          h(
            "span",
            { class: "emoji", role: "img", "aria-label": match[1].replaceAll("_", " "), title: match[0] },
            EMOJI.get(match[1]),
          ),
        );
        at += match[0].length - 1;
      } else plain += char;
    } else if (
      !verbatim &&
      (char === "h" || char === "H") &&
      !isWord(text[at - 1]) &&
      BARE_URL.test(text.slice(at))
    ) {
      const raw = BARE_URL.exec(text.slice(at))[0].replace(/(&gt;.*|&lt;.*|[.,;:!?)'"*_~]+)$/, "");
      flush();
      nodes.push(link(unescapeText(raw)));
      at += raw.length - 1;
    } else plain += char;
  }
  flush();
  return nodes;
}

const QUOTE = /^(?:&gt;|>) ?/;

/** Text between code fences: groups of quoted lines become blockquotes. */
function paragraphs(text, options) {
  const nodes = [];
  const lines = text.split("\n");
  let run = [];
  let quoted = false;
  const close = (last) => {
    if (!run.length) return;
    const body = inline(run.join("\n"), options);
    nodes.push(quoted ? h("blockquote", null, body) : body);
    if (!quoted && !last && run.join("") === "" && nodes.length) nodes.push(h("br"));
    run = [];
  };
  lines.forEach((line, index) => {
    if (/^(?:&gt;|>){3}/.test(line)) {
      close(false);
      nodes.push(
        h(
          "blockquote",
          null,
          inline([line.replace(/^(?:&gt;|>){3} ?/, ""), ...lines.slice(index + 1)].join("\n"), options),
        ),
      );
      lines.length = index + 1;
      return;
    }
    const isQuote = QUOTE.test(line);
    if (isQuote !== quoted) {
      close(false);
      quoted = isQuote;
    }
    run.push(isQuote ? line.replace(QUOTE, "") : line);
  });
  close(true);
  return nodes;
}

/**
 * mrkdwn to nodes.
 * @param {string} text as Slack's API carries it (escaped)
 * @param {{verbatim?: boolean}} options `verbatim` leaves bare addresses alone
 */
export function mrkdwn(text, options = {}) {
  const nodes = [];
  const parts = String(text ?? "").split(/```/);
  parts.forEach((part, index) => {
    const fenced = index % 2 === 1 && index < parts.length - 1;
    if (fenced) nodes.push(h("pre", null, unescapeText(part.replace(/^\n|\n$/g, ""))));
    else {
      let body = index % 2 === 1 ? "```" + part : part;
      if (index > 0 && index % 2 === 0) body = body.replace(/^\n/, "");
      if (index < parts.length - 2) body = body.replace(/\n$/, "");
      if (body) nodes.push(paragraphs(body, options));
    }
  });
  return nodes.flat(Infinity);
}

/** What is left of mrkdwn when only words matter: for previews and titles. */
export function flatten(text) {
  return h("span", null, mrkdwn(text)).textContent;
}
