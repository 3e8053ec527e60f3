"""HTTP: health, metrics, QR pages, provider callbacks."""
