/**
 * A list to choose from in a popover: arrows, Home, End, Enter, Escape, typing to filter.
 * Selects, the overflow menu, the time picker and the channel switcher all use it.
 */

import { debounce, h, uid } from "../dom.js";
import { icon, spinner } from "../icons.js";
import { popover } from "../layer.js";
import { plain, textNodes } from "../text.js";

const matches = (option, query) =>
  `${plain(option.text)} ${plain(option.description)}`.toLowerCase().includes(query);

const defaultDescribe = (option) => [
  h("span", { class: "option-text" }, textNodes(option.text)),
  option.description ? h("span", { class: "option-desc" }, textNodes(option.description)) : null,
];

/** `groups` reduced to the options that hold `query`; groups left empty go. */
function filterGroups(groups, query) {
  const needle = query.trim().toLowerCase();
  return groups
    .map((group) => ({
      ...group,
      options: needle ? group.options.filter((option) => matches(option, needle)) : group.options,
    }))
    .filter((group) => group.options.length);
}

/**
 * Open a list under `anchor`.
 * @param {Element} anchor the control that opened it; gets aria-expanded
 * @param {object} options
 *   `groups`: [{label?, options}] or `load(query)`: promise of such; `minQuery`: characters before `load` runs;
 *   `search`: show a filter box; `placeholder`; `multi`: stay open, `isSelected(option)`; `onPick(option)`; `label`;
 *   `describe(option)`: nodes; `free(query)`: an option made of what was typed, or null; `onClose(reason)`; `align`; `class` of the popover
 * @returns {{close: Function, refresh: Function}}
 */
export function openList(anchor, options) {
  const id = uid("list");
  const search =
    options.search || options.load
      ? h("input", {
          class: "list-search",
          type: "text",
          autocomplete: "off",
          spellcheck: "false",
          placeholder: options.placeholder ?? "Search",
          role: "combobox",
          "aria-expanded": "true",
          "aria-controls": id,
          "aria-autocomplete": "list",
          "aria-label": options.label ?? "Search",
        })
      : null;
  const list = h("div", {
    class: "list",
    role: "listbox",
    id,
    tabindex: search ? null : "0",
    "aria-label": options.label ?? null,
    "aria-multiselectable": options.multi ? "true" : null,
  });
  const box = h(
    "div",
    { class: "listbox" },
    search ? h("div", { class: "list-head" }, icon("search", 16), search) : null,
    list,
  );
  let rows = [];
  let active = -1;
  let asked = 0;
  /** Something was typed and its options are not there yet: Enter must not take one of the old ones. */
  let stale = false;

  const pop = popover(anchor, box, {
    matchWidth: true,
    align: options.align,
    class: options.class ?? "popover-list",
    onClose: (reason) => {
      anchor.setAttribute("aria-expanded", "false");
      if (reason !== "outside" && anchor.isConnected) anchor.focus({ preventScroll: true });
      options.onClose?.(reason);
    },
  });
  anchor.setAttribute("aria-expanded", "true");

  function choose(option) {
    if (!option) return;
    if (!options.multi) pop.close("picked");
    options.onPick?.(option);
    if (options.multi) for (const row of rows) mark(row);
  }

  function mark(row) {
    row.node.setAttribute("aria-selected", String(Boolean(options.isSelected?.(row.option))));
  }

  function setActive(at) {
    rows[active]?.node.classList.remove("is-active");
    active = rows.length ? (at + rows.length) % rows.length : -1;
    const node = rows[active]?.node;
    node?.classList.add("is-active");
    node?.scrollIntoView({ block: "nearest" });
    (search ?? list).setAttribute("aria-activedescendant", node?.id ?? "");
  }

  function note(content) {
    rows = [];
    active = -1;
    list.replaceChildren(h("div", { class: "list-note", role: "status" }, content));
    pop.reposition();
  }

  function show(groups) {
    stale = false;
    rows = [];
    active = -1;
    list.replaceChildren();
    for (const group of groups) {
      const labelId = group.label ? uid("group") : null;
      const body = h(
        "div",
        { role: "group", "aria-labelledby": labelId },
        group.label ? h("div", { class: "list-group", id: labelId }, plain(group.label)) : null,
      );
      for (const option of group.options) {
        const at = rows.length;
        const node = h(
          "div",
          {
            class: "option",
            role: "option",
            id: uid("option"),
            on: {
              click: () => choose(option),
              pointermove: () => active !== at && setActive(at),
              pointerdown: (event) => event.preventDefault(),
            },
          },
          h("span", { class: "option-tick" }, icon("check", 16)),
          h("span", { class: "option-body" }, (options.describe ?? defaultDescribe)(option)),
        );
        rows.push({ node, option });
        mark(rows[at]);
        body.append(node);
      }
      list.append(body);
    }
    const free = options.free?.(search?.value ?? "");
    if (!rows.length && !free) return note(options.empty ?? "No matches");
    const chosen = rows.findIndex((row) => options.isSelected?.(row.option));
    setActive(!search?.value && chosen >= 0 ? chosen : 0);
    return pop.reposition();
  }

  async function refresh() {
    const query = search?.value ?? "";
    if (!options.load) return show(filterGroups(options.groups, query));
    const short = (options.minQuery ?? 0) - query.trim().length;
    asked += 1;
    if (short > 0)
      return note(
        short === options.minQuery
          ? `Type ${short} character${short === 1 ? "" : "s"} or more to search`
          : `${short} more character${short === 1 ? "" : "s"} to search`,
      );
    const mine = asked;
    if (!rows.length) note([spinner(), " Searching"]);
    box.setAttribute("aria-busy", "true");
    try {
      const groups = await options.load(query);
      if (mine === asked) show(groups);
    } catch (error) {
      if (mine === asked) note(error.message || "The options could not be loaded. Type again to retry.");
    } finally {
      if (mine === asked) box.removeAttribute("aria-busy");
    }
    return undefined;
  }

  const later = debounce(refresh, options.load ? 220 : 0);
  search?.addEventListener("input", () => {
    if (!options.load) {
      refresh();
      return;
    }
    stale = true;
    later();
  });
  const chooseActive = () => choose(rows[active]?.option ?? options.free?.(search?.value ?? ""));
  box.addEventListener("keydown", (event) => {
    const moves = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      ...(search ? {} : { Home: 0, End: rows.length - 1 }),
    };
    if (event.key in moves) {
      event.preventDefault();
      setActive(moves[event.key]);
    } else if (event.key === "Enter" || (event.key === " " && !search)) {
      event.preventDefault();
      event.stopPropagation();
      if (stale) {
        later.cancel();
        refresh().then(chooseActive);
      } else chooseActive();
    } else if (event.key === "Tab") {
      event.preventDefault();
      pop.close("tab");
    } else if (!search && event.key.length === 1 && /\S/.test(event.key)) {
      const from = rows.findIndex(
        (row, at) => at > active && plain(row.option.text).toLowerCase().startsWith(event.key.toLowerCase()),
      );
      setActive(
        from >= 0
          ? from
          : Math.max(
              0,
              rows.findIndex((row) =>
                plain(row.option.text).toLowerCase().startsWith(event.key.toLowerCase()),
              ),
            ),
      );
    }
  });
  refresh();
  (search ?? list).focus({ preventScroll: true });
  return { close: pop.close, refresh };
}

/** Open a plain list of options once; resolves to the chosen option, or null. */
export function pick(anchor, { options, ...rest }) {
  return new Promise((resolve) => {
    let chosen = null;
    openList(anchor, {
      groups: [{ options }],
      ...rest,
      onPick: (option) => {
        chosen = option;
      },
      onClose: () => queueMicrotask(() => resolve(chosen)),
    });
  });
}
