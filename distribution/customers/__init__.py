"""Customers: their numbers, their consent, their attributes, how they are found and how files of them come in."""
