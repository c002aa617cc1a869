"""Be the process that turns a sound into MP3: limits first, then the decoder. Run by ``audio.py``, as a file.

Imports nothing of ours and no Django, for it is started anew for each sound.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

REFUSED, FFMPEG_FAILED = 3, 1
TOLD = (REFUSED, FFMPEG_FAILED)
"""How it ends when its last line says why."""
FORMATS = "aac,ac3,aiff,amr,amrnb,amrwb,asf,au,caf,flac,matroska,webm,mov,mp4,m4a,3gp,mp3,ogg,opus,wav,w64,wv"
"""What may be read: containers of sound, and none that names other files."""
LONGEST = 2 * 3600
"""Seconds of sound."""
RATE, BIT_RATE, FRAME = 44_100, 64_000, 1152
LIMITS = {
    "RLIMIT_AS": 1 << 30,
    "RLIMIT_CPU": 150,
    "RLIMIT_FSIZE": 80 * 1024 * 1024,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}


class Refused(Exception):
    """Say in one sentence why there is no MP3."""


def limit() -> None:
    """Take from this process what no honest sound needs."""
    try:
        import resource
    except ImportError:  # not a POSIX system; the clock in the parent is the limit then
        return
    for name, most in LIMITS.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def with_av(source: str, target: str) -> None:
    """Decode with PyAV, sample by sample; raises Refused."""
    import av
    from av.error import FFmpegError

    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        given = av.open(source, options=options, metadata_errors="ignore")
    except (FFmpegError, ValueError):
        raise Refused("the file is no sound that can be read") from None
    with given, av.open(target, "w", format="mp3") as made:
        if not given.streams.audio:
            raise Refused("there is no sound in the file")
        out: Any = made.add_stream("libmp3lame", rate=RATE, layout="mono")
        out.bit_rate = BIT_RATE
        resampler = av.AudioResampler(format="s16p", layout="mono", rate=RATE, frame_size=FRAME)
        samples = 0
        for frame in _frames(given, FFmpegError):
            for piece in resampler.resample(frame):
                samples += piece.samples
                if samples > LONGEST * RATE:
                    raise Refused(f"the sound is longer than {LONGEST // 3600} hours")
                made.mux(out.encode(piece))
        if not samples:
            raise Refused("there is no sound in the file")
        made.mux(out.encode(None))


def _frames(given: Any, broken: type[Exception]) -> Iterator[Any]:
    """Give what can be decoded, then None; a broken packet costs itself only."""
    for packet in given.demux(audio=0):
        try:
            yield from packet.decode()
        except broken:
            continue
    yield None


def main(arguments: list[str]) -> int:
    """Limit this process, then decode with what the first argument names."""
    engine, place, source, target = arguments
    limit()
    if engine == "ffmpeg":
        os.execv(place, _ffmpeg(place, source, target))  # noqa: S606  no shell, our own arguments
    sys.path.insert(0, place)
    try:
        with_av(source, target)
    except Refused as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201  this is how the parent is told
        return REFUSED
    return 0


def _ffmpeg(program: str, source: str, target: str) -> list[str]:
    given = ["-nostdin", "-v", "error", "-format_whitelist", FORMATS, "-protocol_whitelist", "file", "-i", source]
    wanted = ["-map", "0:a:0", "-map_metadata", "-1", "-t", str(LONGEST), "-ac", "1", "-ar", str(RATE)]
    return [program, *given, *wanted, "-b:a", str(BIT_RATE), "-f", "mp3", target]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
