"""Draw visitors' pictures anew: what a camera noted of place and owner goes, and whatever else was hidden in one.

Needs Pillow, which is optional; without it pictures are kept as they came, and served as carefully.
"""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import IO, Any

from unicom.errors import InvalidMessage

MOST_PIXELS = 50_000_000
MOST_FRAMES = 300
# Content type → the format it is read as, the one it is written as, and how.
_FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "image/png": ("PNG", "PNG", {}),
    "image/jpeg": ("JPEG", "JPEG", {"quality": 90, "progressive": True}),
    "image/gif": ("GIF", "GIF", {}),
    "image/webp": ("WEBP", "WEBP", {"quality": 90}),
    "image/avif": ("AVIF", "AVIF", {"quality": 80}),
    "image/bmp": ("BMP", "PNG", {}),
}


def can_redraw(content_type: str) -> bool:
    """Tell whether there is something to draw it with."""
    return content_type in _FORMATS and find_spec("PIL") is not None


def redraw(content: IO[bytes], content_type: str) -> tuple[io.BytesIO, str]:
    """Return the same picture written anew, and its content type; raises InvalidMessage for one that cannot be read."""
    from PIL import Image

    source, target, options = _FORMATS[content_type]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(content, formats=[source]) as image:
                written = _write(image, target, options)
    except InvalidMessage:
        raise
    except Exception as error:
        # A hostile file may make a decoder fail in any way; only the kind of failure is told.
        raise InvalidMessage({"media": f"this is no picture that can be read ({type(error).__name__})"}) from None
    written.seek(0)
    return written, f"image/{target.lower()}"


def _write(image: Any, target: str, options: dict[str, Any]) -> io.BytesIO:
    from PIL import ImageOps

    width, height = image.size
    frames = getattr(image, "n_frames", 1)
    if width * height > MOST_PIXELS or frames > MOST_FRAMES or width * height * frames > MOST_PIXELS * 4:
        raise InvalidMessage(
            {"media": f"the picture has {width} × {height} pixels in {frames} frames, which is more than is taken"}
        )
    written = io.BytesIO()
    if frames > 1 and target in ("GIF", "WEBP", "PNG", "AVIF"):
        image.save(written, target, save_all=True, **options)
        return written
    still = ImageOps.exif_transpose(image)
    if target == "JPEG" and still.mode not in ("RGB", "L", "CMYK"):
        still = still.convert("RGB")
    still.info.clear()  # places, owners, comments, profiles
    still.save(written, target, **options)
    return written
