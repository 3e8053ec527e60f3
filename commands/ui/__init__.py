"""Pure helpers for Block Kit: text, blocks, choices, charts, pages. No view builds these by hand."""
