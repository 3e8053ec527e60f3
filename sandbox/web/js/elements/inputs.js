/** What is typed: plain text (one line or many), e-mail, address and number inputs. */

import { debounce, h } from "../dom.js";
import { plain } from "../text.js";

/** Where Slack's dispatch_action_config says that typing tells the bot; by default on Enter. */
const triggers = (field) =>
  field.dispatches ? (field.element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"]) : [];

const KEYBOARDS = { email_text_input: "email", url_text_input: "url", number_input: "decimal" };

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, 320)}px`;
}

/** The count under a field: what is left of the maximum, or what is missing to the minimum. */
function counter(element) {
  const { min_length: min, max_length: max } = element;
  const node = h("div", { class: "counter", "aria-live": "off" });
  const update = (length) => {
    const over = max !== undefined && length > max;
    const under = min !== undefined && length > 0 && length < min;
    node.classList.toggle("is-over", over || under);
    if (over) node.textContent = `${length - max} over the limit of ${max}`;
    else if (under) node.textContent = `${min - length} more needed`;
    else node.textContent = max !== undefined ? `${length} / ${max}` : "";
    // A limit far away is noise: Slack, too, counts only when it comes near.
    node.hidden = !over && !under && (max === undefined || (max > 200 && length < max * 0.8));
  };
  return { node, update };
}

/** Any text-like input. */
export function textInput(field) {
  const { element } = field;
  const count = counter(element);
  const on = triggers(field);
  const tell = debounce(() => field.send({ value: field.entry.value ?? "" }), 300);
  const control = h(element.multiline ? "textarea" : "input", {
    ...field.attributes(),
    class: "input",
    type: element.multiline ? null : "text",
    inputmode: KEYBOARDS[element.type] ?? null,
    rows: element.multiline ? 3 : null,
    autocomplete: "off",
    spellcheck: element.multiline ? "true" : "false",
    placeholder: plain(element.placeholder) || null,
    value: field.entry.value ?? "",
    on: {
      input: () => {
        field.keep({ value: control.value === "" ? null : control.value });
        count.update([...control.value].length);
        if (element.multiline) grow(control);
        if (on.includes("on_character_entered")) tell();
      },
      keydown: (event) => {
        if (
          event.key !== "Enter" ||
          event.isComposing ||
          (element.multiline && !(event.metaKey || event.ctrlKey))
        )
          return;
        if (event.shiftKey && element.multiline) return;
        event.preventDefault();
        if (on.includes("on_enter_pressed")) {
          tell.cancel();
          field.send({ value: field.entry.value ?? "" });
        } else if (field.place.input) field.surface.submit?.();
      },
    },
  });
  if (element.focus_on_load) control.dataset.focusOnLoad = "";
  count.update([...control.value].length);
  if (element.multiline) requestAnimationFrame(() => grow(control));
  return h("div", { class: "input-wrap" }, control, count.node);
}
