/** Where messages and commands are written: formatting, files, `/` commands, `@` people. */

import { api } from "./api.js";
import { commands, completions } from "./completions.js";
import { h } from "./dom.js";
import { fileSize } from "./files.js";
import { icon, spinner } from "./icons.js";
import { suggestions } from "./suggest.js";
import { toast } from "./toasts.js";

/** Put `mark` around the selection, or take it away again. */
function wrap(area, mark) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const inside = value.slice(from, to);
  const has = inside.length > 1 && inside.startsWith(mark) && inside.endsWith(mark);
  area.setRangeText(has ? inside.slice(mark.length, -mark.length) : mark + inside + mark, from, to, "select");
  if (!inside) area.setSelectionRange(from + mark.length, from + mark.length);
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * @param {{label: string, send: (text: string, fileIds: string[]) => Promise<void>, hint?: string}} options
 *   `send` rejects when nothing was posted; what was typed is then put back
 */
export function makeComposer(options) {
  let files = [];
  let sending = 0;
  const tray = h("div", { class: "composer-files", hidden: true });
  const area = h("textarea", {
    class: "composer-text",
    rows: 1,
    "aria-label": options.label,
    placeholder: options.label,
    autocomplete: "off",
    role: "combobox",
    "aria-expanded": "false",
    "aria-autocomplete": "list",
    "aria-haspopup": "listbox",
  });
  const hint = h("div", { class: "composer-hint", hidden: true });
  const send = h(
    "button",
    {
      type: "button",
      class: "composer-send",
      "aria-label": "Send message",
      title: "Send message (Enter)",
      disabled: true,
      on: { click: () => submit() },
    },
    icon("send", 18),
  );
  const chooser = h("input", {
    type: "file",
    multiple: true,
    class: "visually-hidden",
    tabindex: "-1",
    "aria-hidden": "true",
    on: {
      change: () => {
        take([...chooser.files]);
        chooser.value = "";
      },
    },
  });
  const tool = (name, label, run) =>
    h(
      "button",
      { type: "button", class: "icon-btn", "aria-label": label, title: label, on: { click: run } },
      icon(name, 18),
    );
  const letter = (glyph, label, mark) =>
    h(
      "button",
      {
        type: "button",
        class: "icon-btn letter",
        "aria-label": label,
        title: label,
        on: { click: () => wrap(area, mark) },
      },
      glyph,
    );
  const bar = h(
    "div",
    { class: "composer-bar" },
    tool("plus", "Attach a file", () => chooser.click()),
    tool("slash", "Commands", () => {
      area.value = "/";
      area.focus();
      changed();
    }),
    h("span", { class: "composer-gap" }),
    h(
      "span",
      { class: "composer-format" },
      letter(h("b", null, "B"), "Bold", "*"),
      letter(h("i", null, "I"), "Italic", "_"),
      letter(h("s", null, "S"), "Strikethrough", "~"),
      tool("code", "Code", () => wrap(area, "`")),
    ),
    h("span", { class: "composer-space" }),
    hint,
    send,
  );
  const node = h("div", { class: "composer" }, area, tray, bar, chooser);
  const suggest = suggestions(area, completions(area));

  function changed() {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, 220)}px`;
    const typed = commands().find(
      (command) => area.value.startsWith(`${command.command} `) || area.value === command.command,
    );
    hint.hidden = !typed?.usage_hint;
    hint.textContent = typed ? `${typed.command} ${typed.usage_hint ?? ""}` : "";
    hint.title = hint.textContent;
    send.disabled = !area.value.trim() && !files.some((item) => item.file);
    suggest.refresh();
    options.onDraft?.(area.value);
  }

  function drawFiles() {
    tray.hidden = !files.length;
    tray.replaceChildren(
      ...files.map((item) =>
        h(
          "span",
          { class: "chip chip-file" },
          item.file ? icon("file", 16) : spinner("Uploading"),
          h(
            "span",
            { class: "chip-text" },
            item.name,
            " ",
            h("span", { class: "hint" }, fileSize(item.size)),
          ),
          h(
            "button",
            {
              type: "button",
              class: "chip-x",
              "aria-label": `Remove ${item.name}`,
              on: {
                click: () => {
                  files = files.filter((other) => other !== item);
                  drawFiles();
                  changed();
                },
              },
            },
            icon("close", 12),
          ),
        ),
      ),
    );
  }

  async function take(chosen) {
    await Promise.all(
      chosen.map(async (file) => {
        const item = { name: file.name, size: file.size, file: null };
        files.push(item);
        drawFiles();
        try {
          item.file = await api.upload(file);
        } catch (error) {
          files = files.filter((other) => other !== item);
          toast(`${file.name} was not uploaded: ${error.message}`, { kind: "error" });
        }
        drawFiles();
        changed();
      }),
    );
  }

  async function submit() {
    const text = area.value.trim();
    const sent = files;
    if (!text && !sent.length) return;
    if (sent.some((item) => !item.file)) {
      toast("A file is still being uploaded. Send again in a moment.");
      return;
    }
    area.value = "";
    files = [];
    drawFiles();
    changed();
    sending += 1;
    send.replaceChildren(spinner("Sending"));
    try {
      await options.send(
        text,
        sent.map((item) => item.file.id),
      );
    } catch {
      // Nothing typed is lost: it comes back unless something new was begun meanwhile.
      if (!area.value) area.value = text;
      files = [...sent, ...files];
      drawFiles();
      changed();
    } finally {
      sending -= 1;
      if (!sending) send.replaceChildren(icon("send", 18));
    }
  }

  area.addEventListener("input", changed);
  area.addEventListener("click", () => suggest.refresh());
  area.addEventListener("blur", () =>
    setTimeout(() => document.activeElement !== area && suggest.close(), 120),
  );
  area.addEventListener("keydown", (event) => {
    if (suggest.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    } else if ((event.metaKey || event.ctrlKey) && ["b", "i"].includes(event.key)) {
      event.preventDefault();
      wrap(area, event.key === "b" ? "*" : "_");
    }
  });
  area.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) {
      event.preventDefault();
      take([...event.clipboardData.files]);
    }
  });
  return {
    node,
    area,
    attach: take,
    focus: () => area.focus({ preventScroll: true }),
    setLabel(label) {
      area.placeholder = label;
      area.setAttribute("aria-label", label);
    },
    get text() {
      return area.value;
    },
    set text(value) {
      area.value = value;
      changed();
      suggest.close();
    },
  };
}
