"""What goes out by itself: triggers that fire, what they plan, and the messages that come of it when they are due."""
