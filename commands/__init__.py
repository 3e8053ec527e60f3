"""What people do in Slack: one package per noun, listeners (Slack in) beside views (Block Kit out)."""
