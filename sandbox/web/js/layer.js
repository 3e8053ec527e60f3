/** What floats above the page: popovers tied to an anchor, and the order in which Escape closes things. */

import { h } from "./dom.js";

const escapes = [];

document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || !escapes.length) return;
    event.preventDefault();
    event.stopPropagation();
    escapes[escapes.length - 1]();
  },
  true,
);

/** Call `close` on the next Escape, before anything registered earlier. Returns a function that takes it back. */
export function onEscape(close) {
  escapes.push(close);
  return () => {
    const at = escapes.lastIndexOf(close);
    if (at >= 0) escapes.splice(at, 1);
  };
}

/** The element that popovers of `anchor` go into: its dialog's overlay, so that it stays inside the modal's layer. */
export const hostFor = (anchor) =>
  anchor.closest(".overlay") ?? document.getElementById("layer") ?? document.body;

function place(anchor, box, { matchWidth, align, prefer }) {
  const a = anchor.getBoundingClientRect();
  const margin = 8;
  if (matchWidth) box.style.minWidth = `${a.width}px`;
  box.style.maxHeight = "";
  const b = box.getBoundingClientRect();
  const below = innerHeight - a.bottom - margin;
  const above = a.top - margin;
  const up =
    prefer === "up" ? above > b.height || above > below : below < Math.min(b.height, 240) && above > below;
  const room = Math.max(120, (up ? above : below) - 4);
  box.style.maxHeight = `${room}px`;
  const height = Math.min(b.height, room);
  const left = align === "end" ? a.right - b.width : a.left;
  box.style.left = `${Math.max(margin, Math.min(left, innerWidth - b.width - margin))}px`;
  box.style.top = `${up ? Math.max(margin, a.top - height - 4) : a.bottom + 4}px`;
  box.dataset.side = up ? "top" : "bottom";
}

/**
 * Show `content` beside `anchor` until Escape, a press elsewhere, or `.close()`.
 * @param {Element} anchor
 * @param {Node} content
 * @param {{onClose?: (reason: string) => void, matchWidth?: boolean, align?: "start"|"end", prefer?: "up"|"down", class?: string}} options
 * @returns {{close: (reason?: string) => void, reposition: () => void, node: Element}}
 */
export function popover(anchor, content, options = {}) {
  const box = h("div", { class: `popover ${options.class ?? ""}` }, content);
  hostFor(anchor).append(box);
  const reposition = () => {
    if (!anchor.isConnected) return close("gone");
    return place(anchor, box, options);
  };
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) close("outside");
  };
  const scrolled = (event) => {
    if (!box.contains(event.target)) reposition();
  };
  let open = true;
  const release = onEscape(() => close("escape"));
  function close(reason = "done") {
    if (!open) return;
    open = false;
    release();
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", reposition);
    removeEventListener("scroll", scrolled, true);
    box.remove();
    options.onClose?.(reason);
  }
  document.addEventListener("pointerdown", outside, true);
  addEventListener("resize", reposition);
  addEventListener("scroll", scrolled, true);
  reposition();
  return { close, reposition, node: box };
}
