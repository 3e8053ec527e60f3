/** Slack's confirmation dialog (https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object). */

import { h, trapTab, uid } from "./dom.js";
import { onEscape } from "./layer.js";
import { plain, textNodes } from "./text.js";

/** Ask; resolves to true when confirmed, false when denied or closed. */
export function confirmDialog(object) {
  const before = document.activeElement;
  const id = uid("confirm");
  return new Promise((resolve) => {
    const finish = (answer) => {
      release();
      overlay.remove();
      before?.isConnected && before.focus?.({ preventScroll: true });
      resolve(answer);
    };
    const yes = h(
      "button",
      {
        type: "button",
        class: `btn ${object.style === "danger" ? "btn-danger" : "btn-primary"}`,
        on: { click: () => finish(true) },
      },
      plain(object.confirm) || "Yes",
    );
    const dialog = h(
      "div",
      {
        class: "dialog dialog-confirm",
        role: "alertdialog",
        "aria-modal": "true",
        "aria-labelledby": `${id}-t`,
        "aria-describedby": `${id}-b`,
      },
      h("h2", { id: `${id}-t`, class: "dialog-title" }, plain(object.title) || "Are you sure?"),
      h("div", { id: `${id}-b`, class: "dialog-text" }, textNodes(object.text)),
      h(
        "div",
        { class: "dialog-foot" },
        h(
          "button",
          { type: "button", class: "btn", on: { click: () => finish(false) } },
          plain(object.deny) || "Cancel",
        ),
        yes,
      ),
    );
    const overlay = h(
      "div",
      { class: "overlay overlay-confirm", on: { keydown: (event) => trapTab(event, dialog) } },
      dialog,
    );
    const release = onEscape(() => finish(false));
    document.body.append(overlay);
    yes.focus();
  });
}
