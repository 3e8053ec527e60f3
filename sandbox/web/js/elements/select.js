/** Select menus, single and multiple, over static options, the bot's own options, users, conversations and channels. */

import { allChannels, allUsers, avatar, channelName, userName } from "../directory.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { plain, textNodes } from "../text.js";
import { openList } from "./listbox.js";

const asOption = (value, text) => ({ value, text: { type: "plain_text", text, emoji: false } });
const people = () => allUsers().map((user) => asOption(user.id, userName(user.id)));
const rooms = (filter) =>
  allChannels()
    .filter((room) => !filter?.include || filter.include.includes(room.is_im ? "im" : "public"))
    .map((room) => asOption(room.id, room.is_im ? room.name : `#${room.name}`));
const roomLabel = (id) =>
  allChannels().find((room) => room.id === id)?.is_im ? channelName(id) : `#${channelName(id)}`;

/** What differs between the kinds: the name of the value in Slack's state, and where options come from. */
const KINDS = {
  static: {
    value: "selected_option",
    list: "selected_options",
    options: (e) => e.option_groups ?? [{ options: e.options ?? [] }],
  },
  external: { value: "selected_option", list: "selected_options" },
  users: {
    value: "selected_user",
    list: "selected_users",
    options: () => [{ options: people() }],
    label: userName,
    avatars: true,
  },
  conversations: {
    value: "selected_conversation",
    list: "selected_conversations",
    options: (e) => [{ options: rooms(e.filter) }],
    label: roomLabel,
  },
  channels: {
    value: "selected_channel",
    list: "selected_channels",
    options: () => [{ options: rooms({ include: ["public"] }) }],
    label: roomLabel,
  },
};

const kindOf = (type) => KINDS[type.replace(/^multi_/, "").replace(/_select$/, "")];

/** Slack's answer to a block_suggestion as groups. */
const asGroups = (answer) => answer?.option_groups ?? [{ options: answer?.options ?? [] }];

function describe(kind) {
  return (option) => [
    kind.avatars ? avatar(option.value, 20) : null,
    h("span", { class: "option-text" }, textNodes(option.text)),
    option.description ? h("span", { class: "option-desc" }, textNodes(option.description)) : null,
  ];
}

function source(field, kind) {
  const { element } = field;
  if (kind === KINDS.external) {
    return {
      load: async (query) => asGroups(await field.surface.options(field.blockId, field.actionId, query)),
      minQuery: element.min_query_length ?? 3,
      search: true,
      placeholder: "Type to search",
    };
  }
  const groups = kind.options(element);
  return {
    groups,
    search: groups.reduce((sum, group) => sum + group.options.length, 0) > 5,
    placeholder: "Search",
  };
}

/** Any single select. */
export function select(field) {
  const { element } = field;
  const kind = kindOf(element.type);
  const label = h("span", { class: "select-value" });
  const node = h(
    "button",
    {
      type: "button",
      ...field.attributes(),
      class: "select",
      role: "combobox",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      on: {
        click: () => open(),
        keydown: (event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            open();
          }
        },
      },
    },
    label,
    icon("down", 16),
  );
  const current = () => field.entry[kind.value] ?? null;
  const keyOf = (value) => (value && typeof value === "object" ? value.value : value);

  function show() {
    const value = current();
    node.classList.toggle("is-empty", !value);
    label.replaceChildren(
      ...(value
        ? kind.label
          ? [kind.label(value)]
          : textNodes(value.text)
        : [plain(element.placeholder) || "Choose"]
      ).map((part) => (part instanceof Node ? part : document.createTextNode(part))),
    );
    // A combobox made of a button has no value of its own for a screen reader: say it beside the label.
    node.setAttribute("data-value", value ? keyOf(value) : "");
    node.setAttribute("title", label.textContent);
  }
  function open() {
    if (node.getAttribute("aria-expanded") === "true") return;
    openList(node, {
      ...source(field, kind),
      label: field.place.label ?? plain(element.placeholder) ?? "Options",
      describe: describe(kind),
      isSelected: (option) => option.value === keyOf(current()),
      onPick: async (option) => {
        const done = field.change({ [kind.value]: kind.label ? option.value : option });
        show();
        if (!(await done)) show();
      },
    });
  }
  show();
  node.refresh = show;
  return node;
}

/** Any multi select: what is chosen stands as chips that can be taken away. */
export function multiSelect(field) {
  const { element } = field;
  const kind = kindOf(element.type);
  const chips = h("span", { class: "chips" });
  const opener = h("button", {
    type: "button",
    ...field.attributes(),
    class: "multi-open",
    role: "combobox",
    "aria-haspopup": "listbox",
    "aria-expanded": "false",
    on: {
      click: () => open(),
      keydown: (event) => {
        if (event.key === "ArrowDown") {
          event.preventDefault();
          open();
        } else if (event.key === "Backspace" && current().length) put(current().slice(0, -1));
      },
    },
  });
  const node = h(
    "div",
    {
      class: "multi",
      on: {
        click: (event) => {
          if (event.target === node || event.target === chips) open();
        },
      },
    },
    chips,
    opener,
    icon("down", 16),
  );
  const current = () => field.entry[kind.list] ?? [];
  const keyOf = (item) => (typeof item === "object" ? item.value : item);

  async function put(next) {
    const done = field.change({ [kind.list]: next });
    show();
    if (!(await done)) show();
  }
  function show() {
    chips.replaceChildren(
      ...current().map((item) => {
        const name = kind.label ? kind.label(item) : plain(item.text);
        return h(
          "span",
          { class: "chip" },
          kind.avatars ? avatar(keyOf(item), 18) : null,
          h("span", { class: "chip-text" }, name),
          h(
            "button",
            {
              type: "button",
              class: "chip-x",
              "aria-label": `Remove ${name}`,
              on: {
                click: () => {
                  put(current().filter((other) => keyOf(other) !== keyOf(item)));
                  opener.focus();
                },
              },
            },
            icon("close", 12),
          ),
        );
      }),
    );
    opener.textContent = current().length ? "" : plain(element.placeholder) || "Choose";
    if (current().length) opener.setAttribute("title", "Choose more");
  }
  function open() {
    if (opener.getAttribute("aria-expanded") === "true") return;
    const max = element.max_selected_items ?? Infinity;
    openList(opener, {
      ...source(field, kind),
      multi: true,
      label: field.place.label ?? "Options",
      describe: describe(kind),
      isSelected: (option) => current().some((item) => keyOf(item) === option.value),
      onPick: (option) => {
        const on = current().some((item) => keyOf(item) === option.value);
        if (!on && current().length >= max) return;
        put(
          on
            ? current().filter((item) => keyOf(item) !== option.value)
            : [...current(), kind.label ? option.value : option],
        );
      },
    });
  }
  show();
  return node;
}
