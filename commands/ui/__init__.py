"""Pure helpers for Block Kit: text, blocks, tables, charts. No view builds these by hand."""
