/** `file_input`: choose or drop files; each is uploaded at once and kept by its id. */

import { h } from "../dom.js";
import { icon, spinner } from "../icons.js";
import { fileSize } from "../files.js";

const extension = (name) => (name.includes(".") ? name.split(".").pop().toLowerCase() : "");

/** @param {import("./field.js").Field} field */
export function fileInput(field) {
  const { filetypes, max_files: max = 10 } = field.element;
  const allowed = filetypes?.map((type) => type.toLowerCase());
  const list = h("ul", { class: "upload-list" });
  const problem = h("div", { class: "field-error", role: "alert", hidden: true });
  const chooser = h("input", {
    type: "file",
    class: "visually-hidden",
    multiple: max > 1 || null,
    tabindex: "-1",
    "aria-hidden": "true",
    accept: allowed?.map((type) => `.${type}`).join(",") ?? null,
    on: {
      change: () => {
        take([...chooser.files]);
        chooser.value = "";
      },
    },
  });
  const button = h(
    "button",
    { type: "button", ...field.attributes(), class: "btn", on: { click: () => chooser.click() } },
    icon("clip", 16),
    max > 1 ? "Upload files" : "Upload a file",
  );
  const rules = [
    allowed ? allowed.map((type) => `.${type}`).join(", ") : "any type",
    max > 1 ? `up to ${max} files` : "one file",
  ].join(" · ");
  const zone = h(
    "div",
    {
      class: "dropzone",
      on: {
        dragover: (event) => {
          event.preventDefault();
          event.stopPropagation();
          zone.classList.add("is-over");
        },
        dragleave: () => zone.classList.remove("is-over"),
        drop: (event) => {
          event.preventDefault();
          event.stopPropagation();
          zone.classList.remove("is-over");
          take([...event.dataTransfer.files]);
        },
      },
    },
    button,
    h(
      "span",
      { class: "dropzone-text" },
      h("span", null, "or drop here"),
      h("span", { class: "hint" }, rules),
    ),
    chooser,
  );
  const files = () => field.entry.files ?? [];

  function complain(text) {
    problem.hidden = !text;
    problem.textContent = text ?? "";
  }

  function draw() {
    list.replaceChildren(
      ...files().map((file) =>
        h(
          "li",
          { class: "upload" },
          icon("file", 18),
          h("span", { class: "upload-name" }, file.name ?? file.title),
          h("span", { class: "hint" }, fileSize(file.size)),
          h(
            "button",
            {
              type: "button",
              class: "icon-btn",
              "aria-label": `Remove ${file.name}`,
              on: {
                click: () => {
                  field.change({ files: files().filter((other) => other.id !== file.id) });
                  complain(null);
                  draw();
                  button.focus();
                },
              },
            },
            icon("close", 14),
          ),
        ),
      ),
    );
    zone.classList.toggle("is-full", files().length >= max);
    button.disabled = files().length >= max;
  }

  async function take(chosen) {
    complain(null);
    for (const file of chosen) {
      if (allowed && !allowed.includes(extension(file.name)))
        complain(
          `${file.name} cannot be used here. Choose a file of type ${allowed.map((type) => `.${type}`).join(", ")}.`,
        );
      else if (files().length >= max)
        complain(`${max === 1 ? "One file is" : `${max} files are`} all that fit here. Remove one first.`);
      else {
        const row = h(
          "li",
          { class: "upload is-busy" },
          spinner("Uploading"),
          h("span", { class: "upload-name" }, file.name),
          h("span", { class: "hint" }, fileSize(file.size)),
        );
        list.append(row);
        try {
          const stored = await field.surface.upload(file);
          row.remove();
          await field.change({ files: [...files(), stored] });
        } catch (error) {
          row.remove();
          complain(`${file.name} was not uploaded: ${error.message}`);
        }
        draw();
      }
    }
  }

  draw();
  return h("div", { class: "file-input" }, list, zone, problem);
}
