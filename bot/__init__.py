"""The process: settings, CLI, wiring, the Bolt app, HTTP, and the demo."""
