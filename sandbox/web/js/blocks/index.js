/** Block Kit to DOM: which function draws which block, and updating a list of blocks in place. */

import { arrange, h } from "../dom.js";
import { actions, contextActions } from "./actions.js";
import { alert, card, carousel, container, plan, taskCard } from "./cards.js";
import { chart } from "./chart.js";
import { dataTable } from "./data_table.js";
import { input } from "./input.js";
import { fileBlock, imageBlock, video } from "./media.js";
import { table } from "./table.js";
import { context, divider, header, markdownBlock, richTextBlock, section } from "./words.js";

const DRAW = {
  section,
  header,
  divider,
  context,
  markdown: markdownBlock,
  rich_text: richTextBlock,
  image: imageBlock,
  video,
  file: fileBlock,
  actions,
  context_actions: contextActions,
  input,
  table,
  data_table: dataTable,
  data_visualization: chart,
  alert,
  card,
  carousel,
  task_card: taskCard,
  plan,
};

/** The block types this page draws. */
export const KNOWN_BLOCKS = [...Object.keys(DRAW), "container"];

const unknown = (block) =>
  h(
    "div",
    { class: "unknown", title: JSON.stringify(block, null, 1) },
    `Block of type ${block.type}: this page cannot draw it`,
  );

function drawOne(block, surface) {
  let inner;
  if (block.type === "container")
    inner = container(block, surface, (children, on) => children.map((child) => drawOne(child, on)));
  else inner = (DRAW[block.type] ?? unknown)(block, surface);
  const node = h(
    "div",
    { class: `block block-of-${block.type}`, data: { blockId: block.block_id, block: block.type } },
    inner,
  );
  node.source = sourceOf(block);
  return node;
}

const PRESSABLE = ["element", "accessory", "elements", "actions", "child_blocks"];

/**
 * A block as text to compare by. Slack makes up a new id at each update for a block that has none; where nobody can press
 * anything the id does not matter, and a chart or table may stay as it is.
 */
const sourceOf = (block) =>
  JSON.stringify(
    PRESSABLE.some((key) => block[key]) && block.type !== "context"
      ? block
      : { ...block, block_id: undefined },
  );

/** Which control has the focus, so that it can have it back after a redraw. */
function focusOf(root) {
  const active = document.activeElement;
  if (!active || !root.contains(active) || !active.dataset.actionId) return null;
  const { blockId, actionId } = active.dataset;
  const range =
    "selectionStart" in active && active.selectionStart !== null
      ? [active.selectionStart, active.selectionEnd]
      : null;
  return { blockId, actionId, range, scroll: active.scrollTop };
}

function refocus(root, focus) {
  if (!focus || (root.contains(document.activeElement) && document.activeElement.dataset.actionId)) return;
  const node = [...root.querySelectorAll("[data-action-id]")].find(
    (item) => item.dataset.actionId === focus.actionId && item.dataset.blockId === focus.blockId,
  );
  if (!node) return;
  node.focus({ preventScroll: true });
  if (focus.range && node.setSelectionRange) node.setSelectionRange(...focus.range);
  node.scrollTop = focus.scroll;
}

/**
 * Make `root` show `blocks`. Nodes of blocks that did not change stay (with focus, open menus and scroll), an input block
 * whose field did not change keeps the field, everything else is drawn from the surface's values.
 */
export function renderBlocks(root, blocks, surface) {
  surface.values.sync(blocks);
  const focus = focusOf(root);
  const old = [...root.children];
  const used = new Set();
  const nodes = (blocks ?? []).map((block, index) => {
    const candidate =
      old.find((node) => !used.has(node) && block.block_id && node.dataset.blockId === block.block_id) ??
      (used.has(old[index]) ? undefined : old[index]);
    if (
      candidate &&
      (candidate.source === sourceOf(block) ||
        (candidate.dataset.block === block.type &&
          candidate.dataset.blockId === block.block_id &&
          candidate.firstElementChild?.patch?.(block)))
    ) {
      candidate.source = sourceOf(block);
      if (block.block_id) candidate.dataset.blockId = block.block_id;
      used.add(candidate);
      return candidate;
    }
    return drawOne(block, surface);
  });
  arrange(root, nodes);
  refocus(root, focus);
}
