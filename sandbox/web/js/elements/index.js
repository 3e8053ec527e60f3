/** Which function draws which Block Kit element. */

import { h } from "../dom.js";
import { image } from "../blocks/media.js";
import { plain } from "../text.js";
import { button, feedbackButtons, iconButton, overflow } from "./buttons.js";
import { checkboxes, radioButtons } from "./choices.js";
import { datepicker, datetimepicker, timepicker } from "./dates.js";
import { Field } from "./field.js";
import { fileInput } from "./file_input.js";
import { textInput } from "./inputs.js";
import { richInput } from "./rich_input.js";
import { multiSelect, select } from "./select.js";

const DRAW = {
  button,
  workflow_button: button,
  icon_button: iconButton,
  feedback_buttons: feedbackButtons,
  overflow,
  checkboxes,
  radio_buttons: radioButtons,
  datepicker,
  timepicker,
  datetimepicker,
  plain_text_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  number_input: textInput,
  rich_text_input: richInput,
  file_input: fileInput,
};
for (const source of ["static", "external", "users", "conversations", "channels"]) {
  DRAW[`${source}_select`] = select;
  DRAW[`multi_${source}_select`] = multiSelect;
}

/**
 * An element's node; one that this page does not know shows its type.
 * @param {object} surface see field.js
 * @param {string} blockId
 * @param {object} element
 * @param {object} place see {@link Field}
 */
export function element(surface, blockId, element, place = {}) {
  if (element.type === "image") return image(element, "element-image");
  const draw = DRAW[element.type];
  if (!draw)
    return h("span", { class: "unknown", title: JSON.stringify(element) }, `Element of type ${element.type}`);
  return draw(
    new Field(surface, blockId, element, { label: plain(element.placeholder) || undefined, ...place }),
  );
}
