/** Short notices at the bottom of the page; each goes by itself, and stays while it is pointed at. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

const STAY_MS = 6000;

/** @param {string} text @param {{kind?: "info"|"error"|"ok", action?: {label: string, run: () => void}}} options */
export function toast(text, { kind = "info", action } = {}) {
  const root = document.getElementById("toasts");
  const same = [...root.children].find((node) => node.dataset.text === text);
  same?.remove();
  const close = () => {
    clearTimeout(timer);
    node.classList.add("is-leaving");
    node.addEventListener("transitionend", () => node.remove(), { once: true });
    setTimeout(() => node.remove(), 400);
  };
  const node = h(
    "div",
    { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status", data: { text } },
    icon({ error: "warn", ok: "ok", info: "info" }[kind], 18),
    h("span", null, text),
    action
      ? h(
          "button",
          {
            type: "button",
            class: "toast-action",
            on: {
              click: () => {
                close();
                action.run();
              },
            },
          },
          action.label,
        )
      : null,
    h(
      "button",
      { type: "button", class: "icon-btn", "aria-label": "Dismiss", on: { click: close } },
      icon("close", 14),
    ),
  );
  let timer = setTimeout(close, STAY_MS);
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("pointerleave", () => {
    timer = setTimeout(close, 2000);
  });
  root.append(node);
  while (root.children.length > 3) root.firstElementChild.remove();
}
