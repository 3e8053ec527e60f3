/** A list of messages on the page: day dividers, grouping by author, staying at the bottom, older ones on the way up. */

import { arrange, h } from "./dom.js";
import { continues, messageNode } from "./message.js";
import { dayKey, dayLabel } from "./time.js";

const NEAR = 120;

export class Feed {
  #nodes = new Map();
  #dividers = new Map();
  messages = [];

  /**
   * @param {Element} scroller what scrolls
   * @param {object} options passed to each message (see message.js); `days`: show day dividers
   */
  constructor(scroller, options) {
    this.scroller = scroller;
    this.options = options;
    this.list = h("div", {
      class: "feed",
      role: "log",
      "aria-live": "polite",
      "aria-relevant": "additions",
      "aria-label": options.label ?? "Messages",
    });
    // Pictures and charts arrive after the text: hold the bottom while they grow.
    this.stuck = true;
    scroller.addEventListener(
      "scroll",
      () => {
        this.stuck = this.atBottom;
        this.onScroll?.();
      },
      { passive: true },
    );
    new ResizeObserver(() => this.stuck && this.toBottom()).observe(this.list);
    new ResizeObserver(() => this.stuck && this.toBottom()).observe(scroller);
  }

  get atBottom() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR;
  }

  toBottom(smooth = false) {
    this.scroller.scrollTo({
      top: this.scroller.scrollHeight,
      behavior: smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "instant",
    });
  }

  /** Show exactly these messages, oldest first; nodes of messages that stay are kept. */
  set(messages) {
    this.messages = [...messages];
    this.#draw();
  }

  /** Add or replace one message. Returns true when it is new. */
  put(message) {
    const at = this.messages.findIndex((item) => item.ts === message.ts);
    if (at >= 0) this.messages[at] = message;
    else {
      this.messages.push(message);
      this.messages.sort((a, b) => Number(a.ts) - Number(b.ts));
    }
    this.#draw(message.ts);
    return at < 0;
  }

  remove(ts) {
    this.messages = this.messages.filter((item) => item.ts !== ts);
    this.#draw();
  }

  /** Put older messages above, without moving what the reader sees. */
  prepend(messages) {
    const before = this.scroller.scrollHeight - this.scroller.scrollTop;
    this.set([...messages, ...this.messages]);
    this.scroller.scrollTop = this.scroller.scrollHeight - before;
  }

  #divider(key, ts) {
    if (!this.#dividers.has(key))
      this.#dividers.set(key, h("div", { class: "day", role: "separator" }, h("span", null)));
    const node = this.#dividers.get(key);
    node.firstElementChild.textContent = dayLabel(ts);
    return node;
  }

  /** Redraw the order; `changed` names the one message whose content changed, undefined means that any may have. */
  #draw(changed) {
    const order = [];
    let previous = null;
    for (const message of this.messages) {
      const key = dayKey(message.ts);
      if (this.options.days && (!previous || dayKey(previous.ts) !== key))
        order.push(this.#divider(key, message.ts));
      const compact = continues(previous, message) && !(previous.reply_count && !this.options.inThread);
      let node = this.#nodes.get(message.ts);
      if (!node) {
        node = messageNode(message, { ...this.options, compact });
        this.#nodes.set(message.ts, node);
      } else if (changed === message.ts || node.shown !== message || node.compact !== compact)
        node.update(message, { compact });
      node.shown = message;
      node.compact = compact;
      order.push(node);
      previous = message;
    }
    const wanted = new Set(order);
    for (const [ts, node] of this.#nodes) if (!wanted.has(node)) this.#nodes.delete(ts);
    arrange(this.list, order);
    if (this.stuck) this.toBottom();
  }
}
