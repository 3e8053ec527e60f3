"""Why a message was left out or failed: stable keys in the database, words for people here.

A key that is not listed is shown as it is, its underscores as spaces: providers have errors that nobody has seen yet.
"""

WORDS: dict[str, str] = {
    # Left out before anything was sent.
    "no_number": "no phone number",
    "no_consent": "no consent to texts",
    "opted_out": "opted out",
    "number_changed": "number changed since the audience was fixed",
    "deleted": "no longer a customer",
    "lifetime": "given up: its time was over before it could be sent",
    "cap": "had as many texts lately as a customer may get",
    "code_redeemed": "their code was used before it could be sent",
    "code_revoked": "their code was revoked before it could be sent",
    "code_replaced": "their code was replaced before it could be sent",
    "code_expired": "their code expired before it could be sent",
    "called_off": "called off by what the customer did since",
    "first_failed": "never got the first text",
    # Ours.
    "render_failed": "message could not be written for this customer",
    "empty_text": "message was empty for this customer",
    "stopped": "stopped before it was sent",
    # The provider's, for good.
    "invalid_number": "number does not exist",
    "landline": "number is a landline",
    "refused": "refused by the provider",
    "unreachable": "provider could not be reached",
    "undelivered": "not delivered",
    "phone_unreachable": "phone could not be reached",
    "unsubscribed": "opted out at the provider",
    "text_too_long": "message is too long",
    "no_route": "provider has no route to the number",
    "region_not_enabled": "country is not enabled at the provider",
    "trial_account": "trial account may not text this number",
    "blocked_by_carrier": "blocked by the carrier",
    "filtered": "filtered as spam",
    "blocked_by_list": "on a list of refused numbers at the provider",
    # Put off.
    "rate_limited": "provider asked us to slow down",
    "too_late": "not sent in time",
    "queue_full": "provider's queue is full",
    "account": "provider refuses our account",
    "credentials": "provider does not accept the credentials",
    "account_inactive": "account at the provider is not active",
    "sender_not_usable": "sender cannot be used with this account",
    "sender_not_registered": "sender is not registered for texts there",
    "daily_limit": "account's limit of texts is reached",
    "callback_url": "provider cannot call PUBLIC_URL",
    "picture_not_fetched": "provider cannot fetch pictures from PUBLIC_URL",
    "no_pictures_there": "provider sends no picture messages from its regional edge",
    "internal_address": "provider's address leads into our own network, which an admin must allow in settings",
    # Not known.
    "timeout": "no answer in time",
    "connection_lost": "connection lost before the answer",
    "server_error": "provider failed while it worked on it",
    "interrupted": "sender was interrupted",
}

# Why a planned text was dropped, before there was a message, where that has words of its own. They follow a number:
# "4 used their code already".
DROPPED: dict[str, str] = {
    "ceiling": "over the limit of texts in all",
    "ceiling_daily": "over the limit of texts a day",
    "paused": "fell due in a pause, and not sent after it",
    "late": "fell due while promobot was not running, and given up",
    "stopped": "stopped",
    "redeemed": "used their code already",
    "no_expiry": "got a code without an end to remind of",
    "code_expired": "got a code that has expired",
    "code_revoked": "got a code that was revoked",
    "code_too_short": "got a code that ends sooner after the first text than it reminds",
}


def dropped(key: str) -> str:
    """Why a planned text is not sent, as people read it: "used their code already"."""
    return DROPPED.get(key) or words(key)


def words(key: str) -> str:
    """A reason as people read it, in the middle of a sentence: "number does not exist"."""
    return WORDS.get(key) or key.replace("_", " ")
