/** Ctrl+K / ⌘K: jump to a channel, the bot's tabs, or a phone. */

import { h, trapTab } from "./dom.js";
import { avatar, colorFor, initials } from "./directory.js";
import { icon } from "./icons.js";
import { onEscape } from "./layer.js";
import { go } from "./route.js";
import { channels, emit, state } from "./store.js";
import { knownPhones, spaced } from "./phones.js";

function targets() {
  const rooms = channels().flatMap((room) =>
    room.is_bot_dm
      ? [
          {
            name: `${room.name}: Home`,
            face: avatar(state.snapshot.bot?.user_id, 20),
            run: () => go(room.id, "home"),
          },
          {
            name: `${room.name}: Messages`,
            face: avatar(state.snapshot.bot?.user_id, 20),
            run: () => go(room.id, "messages"),
          },
        ]
      : [
          {
            name: room.name,
            note: room.topic,
            face: icon("hash", 18),
            unread: room.unread,
            run: () => go(room.id),
          },
        ],
  );
  const phones = knownPhones()
    .slice(0, 40)
    .map((phone) => ({
      name: phone.name || phone.number,
      note: phone.name ? spaced(phone.number) : "phone",
      face: h(
        "span",
        {
          class: "avatar",
          style: {
            background: colorFor(phone.number),
            width: "20px",
            height: "20px",
            "font-size": "9px",
            "border-radius": "50%",
          },
        },
        initials(phone.name || "#"),
      ),
      run: () => emit("phone", phone.number),
    }));
  return [...rooms, ...phones];
}

let open = false;

/** Open the switcher over the page. */
export function openSwitcher() {
  if (open || !state.snapshot) return;
  open = true;
  const before = document.activeElement;
  const all = targets();
  let rows = [];
  let active = 0;
  const input = h("input", {
    class: "switch-input",
    type: "text",
    placeholder: "Jump to a channel or a phone",
    "aria-label": "Jump to",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "switch-list",
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
  });
  const list = h("div", { class: "list", role: "listbox", id: "switch-list", "aria-label": "Places" });
  const dialog = h(
    "div",
    { class: "dialog switcher", role: "dialog", "aria-modal": "true", "aria-label": "Jump to" },
    h("div", { class: "list-head" }, icon("search", 18), input),
    list,
  );
  const overlay = h(
    "div",
    { class: "overlay overlay-switch", on: { pointerdown: (event) => event.target === overlay && close() } },
    dialog,
  );
  const release = onEscape(() => close());

  function close(target) {
    open = false;
    release();
    overlay.remove();
    if (target) target.run();
    else before?.isConnected && before.focus({ preventScroll: true });
  }
  function setActive(at) {
    if (!rows.length) return;
    active = (at + rows.length) % rows.length;
    rows.forEach((row, index) => {
      row.node.classList.toggle("is-active", index === active);
      row.node.setAttribute("aria-selected", String(index === active));
    });
    rows[active].node.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", rows[active].node.id);
  }
  function draw() {
    const words = input.value.trim().toLowerCase().replace(/^#/, "");
    const found = all
      .filter((target) => `${target.name} ${target.note ?? ""}`.toLowerCase().includes(words))
      .slice(0, 12);
    rows = found.map((target, at) => ({
      target,
      node: h(
        "div",
        {
          class: "option",
          role: "option",
          id: `switch-${at}`,
          on: { click: () => close(target), pointermove: () => active !== at && setActive(at) },
        },
        target.face,
        h(
          "span",
          { class: "option-text" },
          target.name,
          target.note ? h("span", { class: "hint" }, ` ${target.note}`) : null,
        ),
        target.unread ? h("span", { class: "unread" }, target.unread) : null,
      ),
    }));
    list.replaceChildren(
      ...(rows.length
        ? rows.map((row) => row.node)
        : [h("div", { class: "list-note" }, "Nothing of that name")]),
    );
    setActive(0);
  }
  input.addEventListener("input", draw);
  dialog.addEventListener("keydown", (event) => {
    trapTab(event, dialog);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setActive(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (rows[active]) close(rows[active].target);
    }
  });
  document.body.append(overlay);
  draw();
  input.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  if (!document.querySelector(".overlay")) openSwitcher();
});
