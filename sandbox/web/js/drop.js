/** Dropping files onto the channel. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** Let files be dropped anywhere on `zone`; `take(files)` gets them. */
export function dropFiles(zone, take) {
  let depth = 0;
  const veil = h("div", { class: "drop-veil", hidden: true }, icon("clip", 28), "Drop to attach");
  zone.append(veil);
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const show = (on) => {
    veil.hidden = !on;
  };
  zone.addEventListener("dragenter", (event) => {
    if (carries(event)) {
      depth += 1;
      show(true);
    }
  });
  zone.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    show(depth > 0);
  });
  zone.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  zone.addEventListener("drop", (event) => {
    depth = 0;
    show(false);
    if (!carries(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}
