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
    # Put off.
    "rate_limited": "provider asked us to slow down",
    "too_late": "not sent in time",
    "account": "provider refuses our account",
    # Not known.
    "timeout": "no answer in time",
    "connection_lost": "connection lost before the answer",
    "server_error": "provider failed while it worked on it",
    "interrupted": "sender was interrupted",
}


def words(key: str) -> str:
    """A reason as people read it, in the middle of a sentence: "number does not exist"."""
    return WORDS.get(key) or key.replace("_", " ")
