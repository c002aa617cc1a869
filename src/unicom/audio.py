"""Turn any sound that came in into MP3, which models and browsers take.

A decoder reads what strangers sent, so it runs in a process of its own with limits on memory, time and output; the
formats it may recognise are listed, so that a playlist cannot make it read files or call addresses.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from unicom import audio_process
from unicom.conf import settings
from unicom.errors import AudioError

MAX_BYTES = 50 * 1024 * 1024
"""The largest file that is read."""
PATIENCE = 180.0
"""Seconds the process may take, by the clock; its processor time is limited within it."""


def to_mp3(source: IO[bytes]) -> bytes:
    """Return the sound in ``source`` as MP3; raises AudioError with one sentence.

    Uses PyAV (the extra ``audio``) where it is installed, else the program ``ffmpeg``.
    """
    engine, place = _engine()
    with tempfile.TemporaryDirectory(prefix="unicom-audio-") as folder:
        given, made = Path(folder, "source"), Path(folder, "sound.mp3")
        with given.open("wb") as copy:
            _copy(source, copy)
        _run([engine, place, str(given), str(made)])
        return made.read_bytes()


def _engine() -> tuple[str, str]:
    """Return what decodes, and where it is."""
    spec = find_spec("av")
    if spec is not None and spec.origin:
        return "av", str(Path(spec.origin).parent.parent)
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError("neither PyAV (pip install 'django-unicom[audio]') nor the program ffmpeg is installed")
    return "ffmpeg", program


def _copy(source: IO[bytes], copy: IO[bytes]) -> None:
    size = 0
    while chunk := source.read(65536):
        size += len(chunk)
        if size > MAX_BYTES:
            raise AudioError(f"the sound has more than {MAX_BYTES:,} bytes")
        copy.write(chunk)
    if not size:
        raise AudioError("the file is empty")


def _run(arguments: list[str]) -> None:
    command = [_python(), "-P", "-s", audio_process.__file__, *arguments]
    try:
        # Our environment is not handed on: a decoder has no use for secrets.
        done = subprocess.run(  # noqa: S603  our own file, with our own arguments
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=settings.loader_environment,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AudioError(f"the sound could not be read within {PATIENCE:g} seconds") from None
    except OSError as error:
        raise AudioError(f"the decoder cannot be started ({error.strerror})") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        told = lines[-1][:200] if lines and done.returncode in audio_process.TOLD else ""
        raise AudioError(told or "the decoder gave up: the file is broken, or asks for more than a sound may")


def _python() -> str:
    """Return the interpreter; within a server that embeds Python ``sys.executable`` is that server."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    return str(Path(sys.prefix, "bin", "python3"))
