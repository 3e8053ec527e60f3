/** Rows of interactive elements: actions and context_actions. */

import { h } from "../dom.js";
import { element } from "../elements/index.js";

export const actions = (block, surface) =>
  h(
    "div",
    { class: "block-actions" },
    (block.elements ?? []).map((item) => element(surface, block.block_id, item)),
  );

export const contextActions = (block, surface) =>
  h(
    "div",
    { class: "block-actions block-context-actions" },
    (block.elements ?? []).map((item) => element(surface, block.block_id, item)),
  );
