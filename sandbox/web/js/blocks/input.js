/** The input block: a label, a field, a hint, and the error that a submission brought. */

import { append, h, uid } from "../dom.js";
import { element } from "../elements/index.js";
import { icon } from "../icons.js";
import { plain } from "../text.js";

/** The element without what only says how it starts: when this stays, so does the field on the page. */
const core = (item) => JSON.stringify(item, (key, value) => (key.startsWith("initial_") ? undefined : value));

export function input(block, surface) {
  const id = uid("field");
  const label = h("label", { class: "field-label", id: `${id}-label`, for: id });
  const hint = h("div", { class: "field-hint", id: `${id}-hint` });
  const error = h("div", { class: "field-error", id: `${id}-error`, role: "alert", hidden: true });
  const words = (next) => {
    label.replaceChildren();
    append(label, [
      plain(next.label),
      next.optional ? h("span", { class: "optional" }, " (optional)") : null,
    ]);
    hint.textContent = plain(next.hint);
    hint.hidden = !next.hint;
  };
  words(block);
  const field = element(surface, block.block_id, block.element, {
    input: true,
    dispatch: block.dispatch_action,
    id,
    label: plain(block.label),
    labelId: `${id}-label`,
    describedBy: `${id}-hint ${id}-error`,
  });
  const node = h("div", { class: "block-input" }, label, field, error, hint);

  /** Show or clear the error under the field. */
  node.setError = (text) => {
    error.hidden = !text;
    error.replaceChildren();
    if (text) append(error, [icon("warn", 16), h("span", null, text)]);
    node.classList.toggle("has-error", Boolean(text));
    for (const control of node.querySelectorAll("[data-action-id]")) {
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  };

  /** Take the block's next version without touching the field, when only words around it changed. */
  node.patch = (next) => {
    if (
      core(next.element) !== core(block.element) ||
      Boolean(next.dispatch_action) !== Boolean(block.dispatch_action)
    )
      return false;
    words(next);
    return true;
  };
  return node;
}
