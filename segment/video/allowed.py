"""What an input may open beside itself: nothing, for files and pipes, unless it is allowed.

Playlists and descriptions of sessions are small texts that make FFmpeg open other files,
addresses and ports, whatever the text is called. Their demuxers are left out of the list of those
it may use, and only the protocols that an input needs are let in.
"""

from functools import cache
from urllib.parse import urlsplit

import av

from segment.errors import UnreadableInput

__all__ = ["ALLOW", "options_for", "playlist"]

ALLOW = ("files", "network")

_LISTS = frozenset(["hls", "applehttp", "dash", "concat", "concatf", "imf", "vobsub"])
_SESSIONS = frozenset(["sdp", "rtsp", "rtp", "sap"])
_NEVER = frozenset(["lavfi", "webm_dash_manifest"])

_NETWORK = [
    "http",
    "https",
    "httpproxy",
    "tls",
    "tcp",
    "udp",
    "udplite",
    "rtp",
    "srtp",
    "rtsp",
    "rtsps",
    "rtmp",
    "rtmps",
    "rtmpt",
    "rtmpts",
    "rtmpe",
    "rtmpte",
    "srt",
    "rist",
    "ftp",
    "sftp",
    "mms",
    "mmsh",
    "mmst",
    "unix",
    "crypto",
    "data",
]
_SCHEMES = frozenset(_NETWORK) - {"crypto", "data"}
_FILES = ["file", "crypto", "data"]


def options_for(address: str | None, allow: frozenset[str]) -> dict[str, str]:
    """Return FFmpeg's options that keep an input to itself; `address` is None for local ones.

    Raises UnreadableInput for an address of a kind that is no stream.
    """
    left_out = set(_NEVER)
    protocols: list[str] = []
    if address is not None:
        scheme = urlsplit(address).scheme.lower()
        if scheme not in _SCHEMES:
            raise UnreadableInput(
                f"{scheme}:// is no kind of stream that is read; wanted rtsp, http, https, rtmp, "
                "srt, udp, tcp, rtp or ftp, or a file"
            )
        protocols += _NETWORK
        # A list of streams is a stream's usual address; a description opens ports here.
        left_out |= {"concat", "concatf", "imf", "vobsub"} - _lists(allow)
        left_out |= set() if "network" in allow else {"sdp"}
    else:
        protocols += _FILES if "files" in allow else ["file"]
        protocols += _NETWORK if "network" in allow else []
        left_out |= _LISTS - _lists(allow)
        left_out |= set() if "network" in allow else _SESSIONS
    return {
        "protocol_whitelist": ",".join(dict.fromkeys(protocols)),
        "format_whitelist": ",".join(sorted(_demuxers() - left_out)),
        "pattern_type": "none",  # a % in a picture's name means no series of files
    }


def without_files(protocols: str) -> str:
    """Return a whitelist of protocols that lets no file be opened."""
    return ",".join(name for name in protocols.split(",") if name not in _FILES)


def _lists(allow: frozenset[str]) -> frozenset[str]:
    return _LISTS if allow else frozenset()


@cache
def _demuxers() -> frozenset[str]:
    names = set()
    for name in av.formats_available:
        try:
            kind = av.ContainerFormat(name, "r")
        except ValueError:
            continue
        if kind.is_input:
            names.add(name)
    return frozenset(names)


def playlist(head: bytes) -> str | None:
    """Return what kind of list or description the first bytes of an input are, or None."""
    text = head[:65536].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"#extm3u"):
        return "an HLS playlist"
    if text.startswith(b"ffconcat"):
        return "a list of files (ffconcat)"
    lines = text.splitlines()[:8]
    if lines and lines[0].strip() == b"v=0" and all(line[1:2] == b"=" for line in lines if line):
        return "a description of a session (SDP)"
    for sign, name in (
        (b"<mpd", "a DASH manifest"),
        (b"<smoothstreamingmedia", "a manifest"),
        (b"<compositionplaylist", "a playlist (IMF)"),
        (b"<smil", "a playlist (SMIL)"),
        (b"<asx", "a playlist (ASX)"),
        (b"<playlist", "a playlist (XSPF)"),
    ):
        if text.startswith(b"<") and sign in text[:4096]:
            return name
    if text.startswith((b"[playlist]", b"[reference]")):
        return "a playlist"
    if text.startswith((b"# vobsub index file", b"rtsptext")):
        return "an index that names other files"
    return None


def refusal(told: str, kind: str, allow: frozenset[str]) -> str | None:
    """Return why a list may not be opened, None when it may."""
    if "network" in allow or ("files" in allow and "session" not in kind):
        return None
    need = "network" if "session" in kind else "files, or --allow network for addresses"
    return (
        f"{told}: is {kind}, which opens other files or addresses; "
        f"if it can be trusted, --allow {need}"
    )
