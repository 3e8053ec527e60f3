/** The list above the composer: slash commands after `/`, people after `@`. The text field keeps the focus throughout. */

import { h, uid } from "./dom.js";
import { popover } from "./layer.js";

/**
 * @param {HTMLTextAreaElement} area
 * @param {(text: string, caret: number) => {items: {node: Node[], apply: () => void}[], title: string}|null} find
 * @returns {{refresh: () => void, key: (event: KeyboardEvent) => boolean, close: () => void}} `key` says whether it took the key
 */
export function suggestions(area, find) {
  const id = uid("suggest");
  let open = null;
  let rows = [];
  let active = 0;
  let refused = null;

  function close(reason) {
    if (reason === "escape") refused = area.value;
    open?.close();
  }
  function setActive(at) {
    active = (at + rows.length) % rows.length;
    rows.forEach((row, index) => row.node.classList.toggle("is-active", index === active));
    rows[active].node.scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", rows[active].node.id);
  }
  function take(item) {
    close();
    item.apply();
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function refresh() {
    const found = refused === area.value ? null : find(area.value, area.selectionStart);
    if (refused !== area.value) refused = null;
    if (!found?.items.length) return close();
    const list = h("div", { class: "list", role: "listbox", id, "aria-label": found.title });
    rows = found.items.map((item, at) => {
      const node = h(
        "div",
        {
          class: "option suggestion",
          role: "option",
          id: uid("suggestion"),
          on: {
            pointerdown: (event) => event.preventDefault(),
            click: () => take(item),
            pointermove: () => active !== at && setActive(at),
          },
        },
        item.node,
      );
      list.append(node);
      return { node, item };
    });
    const box = h(
      "div",
      { class: "listbox" },
      h("div", { class: "list-group" }, found.title),
      list,
      h(
        "div",
        { class: "list-foot", "aria-hidden": "true" },
        h("kbd", null, "↑"),
        h("kbd", null, "↓"),
        " to move ",
        h("kbd", null, "Enter"),
        " to choose ",
        h("kbd", null, "Esc"),
        " to close",
      ),
    );
    close();
    open = popover(area.closest(".composer"), box, {
      matchWidth: true,
      prefer: "up",
      class: "popover-suggest",
      onClose: (reason) => {
        open = null;
        area.setAttribute("aria-expanded", "false");
        area.removeAttribute("aria-activedescendant");
        if (reason === "escape") refused = area.value;
      },
    });
    area.setAttribute("aria-expanded", "true");
    area.setAttribute("aria-controls", id);
    setActive(0);
    return undefined;
  }
  return {
    refresh,
    close,
    key(event) {
      if (!open || event.isComposing) return false;
      if (event.key === "ArrowDown") setActive(active + 1);
      else if (event.key === "ArrowUp") setActive(active - 1);
      else if (event.key === "Tab" || event.key === "Enter") {
        // A command typed in full is sent, not offered once more.
        if (event.key === "Enter" && rows[active].item.exact) {
          close();
          return false;
        }
        take(rows[active].item);
      } else return false;
      event.preventDefault();
      return true;
    },
  };
}
