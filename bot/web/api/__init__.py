"""The HTTP API under `/v1`: what other systems load and ask (docs/api.md)."""
