/** Files in messages: a picture with a preview, anything else as a card to download. */

import { fileHref } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** `1.2 MB` */
export function fileSize(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ["kB", "MB", "GB"];
  let value = bytes;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const isImage = (file) =>
  /^image\//.test(file.mimetype ?? "") || /^(png|jpe?g|gif|webp|svg)$/i.test(file.filetype ?? "");

/** One Slack file object as a node. */
export function fileNode(file) {
  const href = fileHref(file);
  const name = file.title || file.name || "file";
  if (isImage(file)) {
    return h(
      "figure",
      { class: "file-image" },
      h("figcaption", null, name),
      h(
        "a",
        { href, target: "_blank", rel: "noopener", "aria-label": `Open ${name}` },
        h("img", { src: href, alt: file.alt_txt || name, loading: "lazy" }),
      ),
    );
  }
  return h(
    "div",
    { class: "file-card" },
    h("span", { class: `file-icon file-${(file.filetype ?? "").toLowerCase()}` }, icon("file", 22)),
    h(
      "span",
      { class: "file-text" },
      h("span", { class: "file-name" }, name),
      h(
        "span",
        { class: "hint" },
        [(file.pretty_type || file.filetype || "file").toUpperCase(), fileSize(file.size)]
          .filter(Boolean)
          .join(" · "),
      ),
    ),
    h(
      "a",
      {
        class: "icon-btn",
        href,
        download: file.name || true,
        "aria-label": `Download ${name}`,
        title: "Download",
      },
      icon("download", 18),
    ),
  );
}
