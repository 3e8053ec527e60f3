/** Buttons, icon buttons, feedback buttons and the overflow menu. */

import { confirmDialog } from "../confirm.js";
import { h } from "../dom.js";
import { icon, spinner } from "../icons.js";
import { plain, textNodes } from "../text.js";
import { pick } from "./listbox.js";

/** Run `work` (async) while `node` shows that it is busy; presses meanwhile are ignored. */
async function busy(node, work) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  const ring = spinner("Working");
  node.append(ring);
  try {
    await work();
  } finally {
    node.removeAttribute("aria-busy");
    ring.remove();
  }
}

async function press(field, node, change) {
  if (field.element.confirm && !(await confirmDialog(field.element.confirm))) return;
  await busy(node, () => field.send(change));
}

/** `button` and `workflow_button`: with a `url` it is also a link that opens in a new tab. */
export function button(field) {
  const { element } = field;
  const style = element.style === "primary" ? "btn-primary" : element.style === "danger" ? "btn-danger" : "";
  const change = { text: element.text, ...(element.value === undefined ? {} : { value: element.value }) };
  const shared = {
    ...field.attributes(),
    class: `btn btn-small ${style}`,
    "aria-label": element.accessibility_label ?? null,
  };
  const label = h("span", { class: "btn-label" }, plain(element.text));
  if (element.url) {
    const node = h(
      "a",
      {
        ...shared,
        href: /^https?:/i.test(element.url) ? element.url : null,
        target: "_blank",
        rel: "noopener noreferrer",
        on: { click: () => press(field, node, change) },
      },
      label,
      icon("external", 14),
    );
    return node;
  }
  const node = h(
    "button",
    { type: "button", ...shared, on: { click: () => press(field, node, change) } },
    label,
  );
  return node;
}

/** `icon_button` of a context_actions block. */
export function iconButton(field) {
  const { element } = field;
  const node = h(
    "button",
    {
      type: "button",
      ...field.attributes(),
      class: "icon-btn",
      title: plain(element.text),
      "aria-label": element.accessibility_label ?? plain(element.text),
      on: { click: () => press(field, node, { value: element.value }) },
    },
    icon(element.icon, 16),
  );
  return node;
}

/** `feedback_buttons`: a thumb up and a thumb down; the pressed one stays marked. */
export function feedbackButtons(field) {
  const half = (side, flip) => {
    const item = field.element[side] ?? {};
    const node = h(
      "button",
      {
        type: "button",
        class: `icon-btn ${flip ? "flip" : ""}`,
        "aria-pressed": "false",
        title: plain(item.text),
        "aria-label": item.accessibility_label ?? plain(item.text),
        on: {
          click: () => {
            for (const other of node.parentElement.children)
              other.setAttribute("aria-pressed", String(other === node));
            press(field, node, { text: item.text, value: item.value });
          },
        },
      },
      icon("thumb", 16),
    );
    return node;
  };
  return h(
    "span",
    { class: "feedback", ...field.attributes() },
    half("positive_button", false),
    half("negative_button", true),
  );
}

/** `overflow`: the three dots; choosing an option is the action. */
export function overflow(field) {
  const { element } = field;
  const node = h(
    "button",
    {
      type: "button",
      ...field.attributes(),
      class: "icon-btn overflow",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-label":
        element.accessibility_label ??
        (field.place.label ? `More actions for ${field.place.label}` : "More actions"),
      on: { click: () => open() },
    },
    icon("more", 18),
  );
  async function open() {
    const option = await pick(node, {
      label: "More actions",
      align: "end",
      options: element.options ?? [],
      describe: (item) => [h("span", null, textNodes(item.text)), item.url ? icon("external", 14) : null],
    });
    if (!option) return;
    if (option.url && /^https?:/i.test(option.url)) window.open(option.url, "_blank", "noopener");
    await press(field, node, { selected_option: option });
  }
  return node;
}
