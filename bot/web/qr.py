"""QR pictures of promo codes: PNG for a text message, SVG for a page."""

import io

from PIL import Image
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET = 4  # modules of white around the picture (ISO/IEC 18004)
PIXELS = 10  # a module's side in the PNG

# Trying all eight masks is three quarters of the work of a QR picture (docs: PERFORMANCE). Any mask scans; 3 spreads
# the modules of short texts well.
MASK = 3


def matrix(text: str) -> list[list[bool]]:
    """The modules of `text`, row by row, True for black, quiet zone included. Raises `ValueError` when too long."""
    code = QRCode(error_correction=ERROR_CORRECT_M, mask_pattern=MASK, border=QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows: list[list[bool]] = code.get_matrix()
    return rows


def svg(text: str, title: str) -> str:
    """An inline SVG that scales to its container; runs of black modules are one stroke each."""
    rows = matrix(text)
    size = len(rows)
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        while x < size:
            start = x
            while x < size and row[x]:
                x += 1
            if x > start:
                strokes.append(f"M{start} {y}h{x - start}v1h{start - x}z")
            x += 1
    return (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{title}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path fill="#000" d="{"".join(strokes)}"/></svg>'
    )


def png(text: str) -> bytes:
    """A black-and-white PNG, about 300 pixels wide."""
    rows = matrix(text)
    image = Image.new("1", (len(rows), len(rows)))
    image.putdata([0 if black else 1 for row in rows for black in row])
    side = len(rows) * PIXELS
    buffer = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
