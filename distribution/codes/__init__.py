"""Promo code groups and their codes: formats, making them, taking them in, and the life of a group."""
