"""The text of a message: which tags it uses, whether they exist, and what it says to one customer."""
