/** The gallery: every sample of gallery.json on a surface that only records what it would tell the bot. */

import { learn } from "./directory.js";
import { renderBlocks } from "./blocks/index.js";
import { h } from "./dom.js";
import { setZone } from "./time.js";
import { Values } from "./values.js";

const EVERYTHING = Array.from({ length: 300 }, (_, at) => ({
  text: { type: "plain_text", text: `Customer ${String(at + 1).padStart(3, "0")}` },
  value: `c${at + 1}`,
  description: at % 7 ? undefined : { type: "plain_text", text: "+48 601 000 218" },
}));

function surfaceFor(sample, log) {
  const values = new Values();
  return {
    kind: sample.surface ?? "message",
    key: sample.name,
    values,
    touched: () => {},
    submit: () => {
      log.textContent = "submit";
    },
    act: async (action) => {
      log.textContent = JSON.stringify(action);
    },
    options: async (blockId, actionId, query) => ({
      options: EVERYTHING.filter((option) =>
        option.text.text.toLowerCase().includes(query.toLowerCase()),
      ).slice(0, 100),
    }),
    upload: async (file) => ({
      id: "F1",
      name: file.name,
      size: file.size,
      filetype: file.name.split(".").pop(),
    }),
  };
}

const { state, samples } = await (await fetch("gallery.json")).json();
learn(state);
setZone("Europe/Warsaw");
for (const sample of samples) {
  const log = h("output", { class: "log" });
  const body = h("div");
  document
    .getElementById("gallery")
    .append(
      h("section", { class: "sample", data: { sample: sample.name } }, h("h2", null, sample.name), body, log),
    );
  renderBlocks(body, sample.blocks, surfaceFor(sample, log));
  for (const [blockId, text] of Object.entries(sample.errors ?? {}))
    body.querySelector(`[data-block-id="${CSS.escape(blockId)}"]`).firstElementChild.setError(text);
}
document.documentElement.dataset.ready = "yes";
