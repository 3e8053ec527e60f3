"""The engine: codes, templates, audience, approval, sending, providers. Free of Slack and of HTTP frameworks."""
