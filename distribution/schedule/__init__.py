"""When distributions are sent: at a time of a wall clock, again and again, and what is planned for the next weeks."""
