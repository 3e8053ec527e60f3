/** Surfaces: what a message, a modal or a home tab gives to the Block Kit elements drawn on it (see elements/field.js). */

import { api } from "./api.js";
import { Values } from "./values.js";

/**
 * @param {"message"|"modal"|"home"} kind
 * @param {string} key names the surface for what the reader did on it (pages of tables)
 * @param {object} container Slack's container of the interaction
 * @param {{onError: (error: Error|null) => void, touched?: (blockId: string) => void, submit?: () => void, held?: object}} hooks
 *   `onError(null)` when an action went through
 */
export function makeSurface(kind, key, container, { onError, touched, submit, held }) {
  const values = new Values(held);
  return {
    kind,
    key,
    values,
    touched,
    submit,
    async act(action) {
      try {
        await api.action(container, action, values.state());
        onError(null);
        return true;
      } catch (error) {
        onError(error);
        return false;
      }
    },
    options: (blockId, actionId, query) => api.options(container, blockId, actionId, query, values.state()),
    upload: (file) => api.upload(file),
  };
}
