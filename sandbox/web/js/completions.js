/** What the composer offers while one types: commands after `/`, people after `@`. */

import { allUsers, avatar, userName } from "./directory.js";
import { h } from "./dom.js";
import { state } from "./store.js";

/** The slash commands of the workspace. */
export const commands = () => state.snapshot?.commands ?? [];

/** What may complete the text of `area` at the caret: a command, a person, or nothing (null). */
export function completions(area) {
  return (text, caret) => {
    if (caret !== area.selectionEnd) return null;
    const slash = /^\/(\S*)$/.exec(text.slice(0, caret));
    if (slash && caret === text.length) {
      const items = commands().filter((command) =>
        command.command.slice(1).startsWith(slash[1].toLowerCase()),
      );
      return {
        title: "Commands",
        items: items.map((command) => ({
          exact: command.command === text,
          node: [
            avatar(state.snapshot?.bot?.user_id, 28),
            h(
              "span",
              { class: "option-body" },
              h(
                "span",
                { class: "option-text" },
                h("b", null, command.command),
                command.usage_hint ? h("span", { class: "hint" }, ` ${command.usage_hint}`) : null,
              ),
              h("span", { class: "option-desc" }, command.description),
            ),
          ],
          apply: () => {
            area.value = `${command.command} `;
          },
        })),
      };
    }
    const at = /(?:^|\s)@([\p{L}\p{N}.]*)$/u.exec(text.slice(0, caret));
    if (!at) return null;
    const needle = at[1].toLowerCase();
    const people = allUsers().filter((user) =>
      userName(user.id)
        .toLowerCase()
        .split(" ")
        .concat(user.name.toLowerCase())
        .some((word) => word.startsWith(needle)),
    );
    return {
      title: "People",
      items: people.map((user) => ({
        node: [
          avatar(user.id, 22),
          h(
            "span",
            { class: "option-text" },
            h("b", null, userName(user.id)),
            h("span", { class: "hint" }, ` ${user.title ?? ""}`),
          ),
        ],
        apply: () => {
          const start = caret - at[1].length - 1;
          const name = `@${user.name} `;
          area.value = text.slice(0, start) + name + text.slice(caret);
          area.setSelectionRange(start + name.length, start + name.length);
        },
      })),
    };
  };
}
