/** Slack's text objects (`plain_text`, `mrkdwn`) to nodes. */

import { h } from "./dom.js";
import { emojify } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";

/** The plain words of a text object or string; shortcodes become emoji unless `emoji` is false. */
export function plain(object) {
  if (!object) return "";
  if (typeof object === "string") return object;
  return object.emoji === false ? object.text : emojify(object.text ?? "");
}

/** A text object to nodes: mrkdwn is formatted, plain_text is literal with its line breaks. */
export function textNodes(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim === true });
  return plain(object)
    .split("\n")
    .flatMap((line, index) => (index ? [h("br"), line] : [line]));
}
