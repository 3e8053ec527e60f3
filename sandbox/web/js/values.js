/**
 * What has been typed and chosen on one surface (a view or a message), as Slack's `state.values`.
 *
 * Slack's rule, held here: a field that keeps its `block_id` and `action_id` keeps its value when the surface is updated;
 * a new one takes its initial value; the value of a field that is gone is forgotten.
 */

const EMPTY = {
  plain_text_input: (e) => ({ value: e.initial_value ?? null }),
  email_text_input: (e) => ({ value: e.initial_value ?? null }),
  url_text_input: (e) => ({ value: e.initial_value ?? null }),
  number_input: (e) => ({ value: e.initial_value ?? null }),
  static_select: (e) => ({ selected_option: e.initial_option ?? null }),
  external_select: (e) => ({ selected_option: e.initial_option ?? null }),
  users_select: (e) => ({ selected_user: e.initial_user ?? null }),
  conversations_select: (e) => ({ selected_conversation: e.initial_conversation ?? null }),
  channels_select: (e) => ({ selected_channel: e.initial_channel ?? null }),
  multi_static_select: (e) => ({ selected_options: e.initial_options ?? [] }),
  multi_external_select: (e) => ({ selected_options: e.initial_options ?? [] }),
  multi_users_select: (e) => ({ selected_users: e.initial_users ?? [] }),
  multi_conversations_select: (e) => ({ selected_conversations: e.initial_conversations ?? [] }),
  multi_channels_select: (e) => ({ selected_channels: e.initial_channels ?? [] }),
  datepicker: (e) => ({ selected_date: e.initial_date ?? null }),
  timepicker: (e) => ({
    selected_time: e.initial_time ?? null,
    ...(e.timezone ? { timezone: e.timezone } : {}),
  }),
  datetimepicker: (e) => ({ selected_date_time: e.initial_date_time ?? null }),
  checkboxes: (e) => ({ selected_options: e.initial_options ?? [] }),
  radio_buttons: (e) => ({ selected_option: e.initial_option ?? null }),
  rich_text_input: (e) => ({ rich_text_value: e.initial_value ?? null }),
  file_input: () => ({ files: [] }),
};

/** The interactive elements of a block, nested blocks included. */
function elementsOf(block) {
  const nested = (block.child_blocks ?? []).flatMap(elementsOf);
  const own = [
    block.element,
    block.accessory,
    ...(block.type === "actions" ? (block.elements ?? []) : []),
  ].filter(Boolean);
  return [...own.map((element) => ({ blockId: block.block_id ?? "", element })), ...nested];
}

const keyOf = (blockId, actionId) => `${blockId}\u0000${actionId}`;

export class Values {
  #entries = new Map();
  #held;

  /** @param {object} held values that the server kept for this surface (`view.state.values`), used before initial values */
  constructor(held = {}) {
    this.#held = held;
  }

  /** Take the fields of `blocks`: keep what stays, start what is new, forget what is gone. */
  sync(blocks) {
    const next = new Map();
    for (const { blockId, element } of (blocks ?? []).flatMap(elementsOf)) {
      const start = EMPTY[element.type];
      if (!start) continue;
      const key = keyOf(blockId, element.action_id ?? "");
      const old = this.#entries.get(key);
      const kept = old ?? this.#held[blockId]?.[element.action_id ?? ""];
      next.set(key, kept?.type === element.type ? kept : { type: element.type, ...start(element) });
    }
    this.#entries = next;
    this.#held = {};
  }

  /** The entry of one field, such as `{type: "static_select", selected_option: {…}}`. */
  get(blockId, actionId) {
    return this.#entries.get(keyOf(blockId, actionId));
  }

  set(blockId, actionId, entry) {
    this.#entries.set(keyOf(blockId, actionId), entry);
  }

  /** All entries in Slack's shape: `{block_id: {action_id: {...}}}`. */
  state() {
    const state = {};
    for (const [key, entry] of this.#entries) {
      const [blockId, actionId] = key.split("\u0000");
      (state[blockId] ??= {})[actionId] = entry;
    }
    return state;
  }
}
