"""What the channel is asked and told of what goes out by itself: late texts that wait for a word, groups run dry."""

from commands.automatic.listeners import register

__all__ = ["register"]
