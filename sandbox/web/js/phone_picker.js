/** Choosing whose phone to look at: the button above the phone, the list with search, the arrows to the next one. */

import { colorFor, initials } from "./directory.js";
import { fill, h } from "./dom.js";
import { openList } from "./elements/listbox.js";
import { icon } from "./icons.js";
import { fetchPhones, knownPhones, phoneOf, spaced } from "./phones.js";
import { on } from "./store.js";
import { seconds } from "./texts.js";
import { shortStamp } from "./time.js";

/** A customer's round avatar, `size` pixels wide; decorative. */
function face(phone, size) {
  const style = {
    background: colorFor(phone.number),
    width: `${size}px`,
    height: `${size}px`,
    "font-size": `${Math.round(size * 0.38)}px`,
  };
  const content = phone.name ? initials(phone.name) : icon("phone", Math.round(size * 0.55));
  return h("span", { class: "avatar avatar-round", "aria-hidden": "true", style }, content);
}

/** One phone in the list: whose, when, and the latest text. */
function line(phone) {
  const when = phone.last?.at ? shortStamp(seconds(phone.last.at)) : "";
  return [
    face(phone, 36),
    h(
      "span",
      { class: "phone-words" },
      h(
        "span",
        { class: "phone-line" },
        h("b", null, phone.name || spaced(phone.number)),
        h("time", { class: "hint" }, when),
      ),
      h("span", { class: "phone-last" }, phone.last?.body ?? spaced(phone.number)),
    ),
    phone.unread ? h("span", { class: "unread" }, phone.unread) : null,
  ];
}

/**
 * The row above the phone.
 * @param {(number: string) => void} onPick
 * @returns {{node: Element, show: (number: string|null) => void}}
 */
export function makePicker(onPick) {
  let current = null;
  const name = h("span", { class: "picker-text" });
  const badge = h("span", { class: "unread", hidden: true });
  const button = h(
    "button",
    {
      type: "button",
      class: "picker",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      on: { click: open },
    },
    name,
    badge,
    icon("down", 16),
  );
  const arrow = (glyph, label, step) =>
    h(
      "button",
      {
        type: "button",
        class: "icon-btn",
        "aria-label": label,
        title: label,
        on: { click: () => move(step) },
      },
      icon(glyph, 18),
    );
  const arrows = [arrow("back", "Previous phone", -1), arrow("forward", "Next phone", 1)];
  const node = h("div", { class: "picker-row" }, arrows[0], button, arrows[1]);

  function move(step) {
    const all = knownPhones();
    const at = all.findIndex((phone) => phone.number === current);
    if (all.length) onPick(all[(at + step + all.length) % all.length].number);
  }

  function open() {
    if (button.getAttribute("aria-expanded") === "true") return;
    const asOption = (phone) => ({ value: phone.number, text: phone.name || phone.number, phone });
    const list = openList(button, {
      class: "popover-phones",
      label: "Find a phone",
      placeholder: "Name or number",
      empty: "No phone matches",
      load: async (query) => [
        { options: (query.trim() ? await fetchPhones(query.trim()) : knownPhones()).map(asOption) },
      ],
      describe: (option) => line(option.phone),
      isSelected: (option) => option.value === current,
      onPick: (option) => onPick(option.value),
      onClose: () => stop(),
    });
    const stop = on("phones", list.refresh);
  }

  function show(number) {
    current = number;
    const others = knownPhones().reduce(
      (sum, phone) => sum + (phone.number === number ? 0 : (phone.unread ?? 0)),
      0,
    );
    badge.hidden = !others;
    badge.textContent = others > 99 ? "99+" : others;
    badge.setAttribute("aria-label", `${others} new texts on other phones`);
    for (const item of arrows) item.disabled = knownPhones().length < 2;
    button.disabled = !number;
    if (!number) {
      fill(name, h("span", { class: "hint" }, "No phones yet"));
      return;
    }
    const phone = phoneOf(number) ?? { number };
    fill(
      name,
      face(phone, 28),
      h(
        "span",
        { class: "picker-words" },
        h("b", null, phone.name || spaced(number)),
        h("span", { class: "hint" }, phone.name ? spaced(number) : "no name known"),
      ),
    );
  }

  return { node, show };
}
