/** Pictures, videos and files in blocks. */

import { imageSrc } from "../api.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { fileNode } from "../files.js";
import { plain, textNodes } from "../text.js";

/** An image by `image_url` or `slack_file`; when it does not load, its alt text stands in its place. */
export function image(item, className) {
  const alt = item.alt_text ?? "";
  const node = h("img", {
    class: className,
    src: imageSrc(item),
    alt,
    title: alt || null,
    loading: "lazy",
    on: {
      error: () => node.replaceWith(h("span", { class: "image-gone" }, icon("image", 18), alt || "Image")),
    },
  });
  return node;
}

export function imageBlock(block) {
  const src = imageSrc(block);
  return h(
    "figure",
    { class: "block-image" },
    block.title ? h("figcaption", null, plain(block.title)) : null,
    src
      ? h(
          "a",
          {
            href: src,
            target: "_blank",
            rel: "noopener noreferrer",
            "aria-label": `Open ${block.alt_text || "the image"}`,
          },
          image(block, "picture"),
        )
      : image(block, "picture"),
  );
}

/** A video is not played here: its picture and words link to it. */
export function video(block) {
  const open = block.title_url ?? block.video_url;
  return h(
    "div",
    { class: "block-video" },
    h(
      "div",
      { class: "video-words" },
      block.author_name || block.provider_name
        ? h("div", { class: "hint" }, [block.provider_name, block.author_name].filter(Boolean).join(" · "))
        : null,
      h(
        "a",
        {
          class: "link strong",
          href: /^https?:/i.test(open ?? "") ? open : null,
          target: "_blank",
          rel: "noopener noreferrer",
        },
        plain(block.title),
      ),
      block.description ? h("div", null, textNodes(block.description)) : null,
    ),
    block.thumbnail_url
      ? h(
          "div",
          { class: "video-still" },
          image({ image_url: block.thumbnail_url, alt_text: block.alt_text }, "picture"),
          h("span", { class: "video-play" }, icon("play", 24)),
        )
      : null,
  );
}

export const fileBlock = (block) =>
  fileNode(
    block.file ?? {
      name: block.external_id,
      pretty_type: block.source === "remote" ? "Remote file" : "File",
    },
  );
