/** Checkboxes and radio buttons, with descriptions. */

import { h, uid } from "../dom.js";
import { textNodes } from "../text.js";

function choice(kind, name, option, checked, onChange, descId) {
  const input = h("input", {
    type: kind,
    name,
    checked: checked || null,
    value: option.value,
    "aria-describedby": option.description ? descId : null,
    on: { change: onChange },
  });
  const node = h(
    "label",
    { class: "choice" },
    input,
    h("span", { class: `choice-mark choice-${kind}`, "aria-hidden": "true" }),
    h(
      "span",
      { class: "choice-body" },
      h("span", { class: "choice-text" }, textNodes(option.text)),
      option.description
        ? h("span", { class: "choice-desc", id: descId }, textNodes(option.description))
        : null,
    ),
  );
  return { node, input, option };
}

function group(field, role, items) {
  const { id, data, ...aria } = field.attributes();
  return h(
    "div",
    { class: "choices", role, id, data, tabindex: null, ...aria },
    items.map((item) => item.node),
  );
}

/** `checkboxes` */
export function checkboxes(field) {
  const name = uid("check");
  const items = [];
  const show = () => {
    for (const item of items)
      item.input.checked = (field.entry.selected_options ?? []).some(
        (other) => other.value === item.option.value,
      );
  };
  const changed = async () => {
    const chosen = items.filter((item) => item.input.checked).map((item) => item.option);
    if (!(await field.change({ selected_options: chosen }))) show();
  };
  for (const option of field.element.options ?? [])
    items.push(choice("checkbox", name, option, false, changed, uid("desc")));
  show();
  return group(field, "group", items);
}

/** `radio_buttons` */
export function radioButtons(field) {
  const name = uid("radio");
  const items = [];
  const show = () => {
    for (const item of items) item.input.checked = field.entry.selected_option?.value === item.option.value;
  };
  const changed = async () => {
    const chosen = items.find((item) => item.input.checked)?.option ?? null;
    if (!(await field.change({ selected_option: chosen }))) show();
  };
  for (const option of field.element.options ?? [])
    items.push(choice("radio", name, option, false, changed, uid("desc")));
  show();
  return group(field, "radiogroup", items);
}
