/** Emoji shortcodes (`:tada:`) that people and bots use most, to Unicode. */

const TABLE = `
grinning 😀|smiley 😃|smile 😄|grin 😁|laughing 😆|sweat_smile 😅|joy 😂|rofl 🤣|slightly_smiling_face 🙂|upside_down_face 🙃
wink 😉|blush 😊|innocent 😇|heart_eyes 😍|star-struck 🤩|kissing_heart 😘|yum 😋|stuck_out_tongue 😛|sunglasses 😎|nerd_face 🤓
thinking_face 🤔|thinking 🤔|neutral_face 😐|expressionless 😑|no_mouth 😶|smirk 😏|unamused 😒|rolling_eyes 🙄|face_with_rolling_eyes 🙄|relieved 😌
pensive 😔|sleepy 😪|sleeping 😴|mask 😷|dizzy_face 😵|exploding_head 🤯|partying_face 🥳|confused 😕|worried 😟|slightly_frowning_face 🙁
open_mouth 😮|hushed 😯|astonished 😲|flushed 😳|pleading_face 🥺|fearful 😨|cold_sweat 😰|cry 😢|sob 😭|scream 😱
angry 😠|rage 😡|skull 💀|ghost 👻|robot_face 🤖|robot 🤖|see_no_evil 🙈|hear_no_evil 🙉|speak_no_evil 🙊|wave 👋
raised_hand ✋|hand ✋|ok_hand 👌|v ✌️|crossed_fingers 🤞|point_left 👈|point_right 👉|point_up ☝️|point_up_2 👆|point_down 👇
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|fist ✊|clap 👏|raised_hands 🙌|pray 🙏|handshake 🤝|muscle 💪
eyes 👀|eye 👁️|brain 🧠|bust_in_silhouette 👤|busts_in_silhouette 👥|speaking_head_in_silhouette 🗣️|technologist 🧑‍💻|shrug 🤷|facepalm 🤦|heart ❤️
orange_heart 🧡|yellow_heart 💛|green_heart 💚|blue_heart 💙|purple_heart 💜|broken_heart 💔|sparkling_heart 💖|100 💯|anger 💢|boom 💥
sparkles ✨|star ⭐|star2 🌟|dizzy 💫|zap ⚡|fire 🔥|rainbow 🌈|sunny ☀️|sun_with_face 🌞|cloud ☁️
rain_cloud 🌧️|snowflake ❄️|umbrella ☔|ocean 🌊|earth_africa 🌍|crescent_moon 🌙|seedling 🌱|deciduous_tree 🌳|palm_tree 🌴|cherry_blossom 🌸
rose 🌹|sunflower 🌻|four_leaf_clover 🍀|maple_leaf 🍁|apple 🍎|lemon 🍋|strawberry 🍓|watermelon 🍉|pizza 🍕|hamburger 🍔
cake 🍰|birthday 🎂|cookie 🍪|coffee ☕|tea 🍵|beer 🍺|beers 🍻|wine_glass 🍷|champagne 🍾|tada 🎉
confetti_ball 🎊|balloon 🎈|gift 🎁|ribbon 🎀|ticket 🎫|admission_tickets 🎟️|trophy 🏆|medal 🏅|first_place_medal 🥇|dart 🎯
game_die 🎲|art 🎨|rocket 🚀|airplane ✈️|car 🚗|truck 🚚|bike 🚲|ship 🚢|house 🏠|office 🏢
school 🏫|school_satchel 🎒|department_store 🏬|convenience_store 🏪|shopping_bags 🛍️|shopping_trolley 🛒|watch ⌚|iphone 📱|calling 📲|computer 💻
keyboard ⌨️|desktop_computer 🖥️|printer 🖨️|phone ☎️|telephone ☎️|telephone_receiver 📞|battery 🔋|electric_plug 🔌|bulb 💡|moneybag 💰
money_with_wings 💸|dollar 💵|euro 💶|credit_card 💳|receipt 🧾|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|email ✉️|envelope ✉️
incoming_envelope 📨|envelope_with_arrow 📩|inbox_tray 📥|outbox_tray 📤|package 📦|mailbox 📫|label 🏷️|bookmark 🔖|memo 📝|pencil 📝
pencil2 ✏️|clipboard 📋|date 📅|calendar 📆|spiral_calendar_pad 🗓️|card_index 📇|file_folder 📁|open_file_folder 📂|page_facing_up 📄|page_with_curl 📃
bookmark_tabs 📑|books 📚|book 📖|pushpin 📌|round_pushpin 📍|paperclip 📎|scissors ✂️|lock 🔒|unlock 🔓|key 🔑
hammer 🔨|hammer_and_wrench 🛠️|wrench 🔧|gear ⚙️|link 🔗|mag 🔍|mag_right 🔎|bell 🔔|no_bell 🔕|mega 📣
loudspeaker 📢|speech_balloon 💬|thought_balloon 💭|hourglass ⌛|hourglass_flowing_sand ⏳|alarm_clock ⏰|stopwatch ⏱️|timer_clock ⏲️|clock3 🕒|warning ⚠️
rotating_light 🚨|construction 🚧|no_entry ⛔|no_entry_sign 🚫|x ❌|heavy_check_mark ✔️|white_check_mark ✅|ballot_box_with_check ☑️|question ❓|exclamation ❗
heavy_exclamation_mark ❗|bangbang ‼️|interrobang ⁉️|heavy_plus_sign ➕|heavy_minus_sign ➖|information_source ℹ️|red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢
large_blue_circle 🔵|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_green_square 🟩|large_red_square 🟥|large_yellow_square 🟨|large_blue_square 🟦|black_large_square ⬛
white_large_square ⬜|arrow_up ⬆️|arrow_down ⬇️|arrow_left ⬅️|arrow_right ➡️|arrow_upper_right ↗️|arrows_counterclockwise 🔄|rewind ⏪|fast_forward ⏩|black_right_pointing_triangle_with_double_vertical_bar ⏯️
double_vertical_bar ⏸️|pause_button ⏸️|play_or_pause_button ⏯️|arrow_forward ▶️|black_square_for_stop ⏹️|octagonal_sign 🛑|recycle ♻️|repeat 🔁|one 1️⃣|two 2️⃣
three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟|checkered_flag 🏁|triangular_flag_on_post 🚩
flag-pl 🇵🇱|flag-gb 🇬🇧|flag-us 🇺🇸|flag-de 🇩🇪|flag-se 🇸🇪|flag-fr 🇫🇷|flag-es 🇪🇸|flag-cz 🇨🇿|flag-ua 🇺🇦|flag-it 🇮🇹`;

export const EMOJI = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((entry) => {
      const gap = entry.indexOf(" ");
      return [entry.slice(0, gap), entry.slice(gap + 1)];
    }),
);

const SHORTCODE = /:([a-z0-9_+'-]+):(?::skin-tone-[2-6]:)?/g;

/** `text` with the known shortcodes replaced; an unknown one stays as typed. */
export function emojify(text) {
  return text.replace(SHORTCODE, (whole, name) => EMOJI.get(name) ?? whole);
}

/** Whether `text` is nothing but one to twelve emoji, which Slack shows large. */
export function isJumbo(text) {
  const plain = emojify(text).replace(/\s/g, "");
  return (
    plain !== "" &&
    [...plain].length <= 30 &&
    /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\uFE0F|\u200D)+$/u.test(plain) &&
    !/^[\d#*]+$/.test(plain)
  );
}
