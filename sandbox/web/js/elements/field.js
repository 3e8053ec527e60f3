/**
 * One interactive element on a surface: its value, and telling the bot.
 *
 * A surface (message, modal, home) gives `kind`, `values` (see values.js), `act(action)`, `options(blockId, actionId, query)`,
 * `upload(file)`, `submit()` and `touched(blockId)`.
 */

import { confirmDialog } from "../confirm.js";

export class Field {
  /**
   * @param {object} surface
   * @param {string} blockId
   * @param {object} element the element's JSON
   * @param {{input?: boolean, dispatch?: boolean, id?: string, label?: string, labelId?: string, describedBy?: string}} place
   *   `input`: it sits in an input block, so only `dispatch` (the block's dispatch_action) tells the bot
   */
  constructor(surface, blockId, element, place = {}) {
    this.surface = surface;
    this.blockId = blockId ?? "";
    this.element = element;
    this.place = place;
  }

  get actionId() {
    return this.element.action_id ?? "";
  }

  get entry() {
    return this.surface.values.get(this.blockId, this.actionId) ?? { type: this.element.type };
  }

  /** Whether a change of the value is an action of its own. */
  get dispatches() {
    return !this.place.input || Boolean(this.place.dispatch);
  }

  /** Keep a new value without telling the bot. */
  keep(change) {
    this.surface.values.set(this.blockId, this.actionId, { ...this.entry, ...change });
    this.surface.touched?.(this.blockId);
  }

  /**
   * Take a new value and, where the element dispatches, tell the bot after its confirmation dialog.
   * @returns {Promise<boolean>} false when the person said no; the old value is back then
   */
  async change(change) {
    const before = this.entry;
    this.keep(change);
    if (!this.dispatches) return true;
    if (this.element.confirm && !(await confirmDialog(this.element.confirm))) {
      this.surface.values.set(this.blockId, this.actionId, before);
      return false;
    }
    await this.send(change);
    return true;
  }

  /** Tell the bot now. Resolves when the bot acknowledged, or gave up. */
  send(change = {}) {
    return this.surface.act({
      block_id: this.blockId,
      action_id: this.actionId,
      type: this.element.type,
      ...change,
    });
  }

  /** Attributes that tie a control to its label, hint and error, and let tests and updates find it. */
  attributes() {
    return {
      id: this.place.id,
      "aria-label": this.place.labelId
        ? null
        : (this.place.label ?? this.element.accessibility_label ?? null),
      "aria-labelledby": this.place.labelId ?? null,
      "aria-describedby": this.place.describedBy ?? null,
      data: { blockId: this.blockId, actionId: this.actionId },
    };
  }
}
