"""Reading ``multipart/form-data`` as clients really send it: any suffixes, CRLF or bare LF, base64 or bytes."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote

from syncd.sandbox import faults

_PARAMETER = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))')
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HEADERS_BYTES = 16_384


@dataclass(frozen=True)
class Part:
    """One part: what its headers say, and its bytes as they were sent."""

    name: str
    filename: str
    content_type: str
    encoding: str
    content: bytes

    def decoded(self) -> bytes:
        """The content without its Content-Transfer-Encoding; 6041 when that is unknown or broken."""
        if self.encoding in ("", "binary", "7bit", "8bit"):
            return self.content
        if self.encoding != "base64":
            raise faults.bad_file(f"Content-Transfer-Encoding {self.encoding} is not supported")
        try:
            return base64.b64decode(b"".join(self.content.split()), validate=True)
        except binascii.Error:
            raise faults.bad_file("the content is not base64") from None


def parse(body: bytes, content_type: str) -> list[Part]:
    """The parts in the order they were sent; FaultError when this is no complete multipart body."""
    media = content_type.partition(";")[0].strip().lower()
    boundary = _parameters(content_type).get("boundary", "").encode("latin-1", "replace")
    if media != "multipart/form-data" or not boundary:
        raise faults.bad_media("An upload must be multipart/form-data with a boundary.")
    return [_part(piece) for piece in _pieces(body, b"--" + boundary)]


def _pieces(body: bytes, mark: bytes) -> list[bytes]:
    """What stands between the boundary lines."""
    pieces: list[bytes] = []
    begin, at = -1, 0
    while (found := body.find(mark, at)) >= 0:
        at = found + len(mark)
        line_end = body.find(b"\n", at)
        rest = body[at : line_end if line_end >= 0 else len(body)]
        last = rest.startswith(b"--")
        if (found and body[found - 1 : found] != b"\n") or (rest.strip() and not last):
            continue  # the same letters in the middle of a file
        if begin >= 0:
            end = found - (2 if body[found - 2 : found] == b"\r\n" else 1)
            pieces.append(body[begin : max(begin, end)])
        if last:
            return pieces
        begin = line_end + 1
    raise faults.bad_file("the multipart body is not complete")


def _part(piece: bytes) -> Part:
    blank = _BLANK_LINE.search(piece, 0, _HEADERS_BYTES)
    if piece.startswith((b"\r\n", b"\n")) or blank is None:
        raise faults.bad_file("a part of the multipart body has no headers")
    headers: dict[str, str] = {}
    for line in piece[: blank.start()].splitlines():
        name, _, value = _text(line).partition(":")
        headers[name.strip().lower()] = value.strip()
    said = _parameters(headers.get("content-disposition", ""))
    filename = said.get("filename", "")
    if "filename*" in said:
        filename = unquote(said["filename*"].rpartition("'")[2])
    return Part(
        said.get("name", ""),
        filename,
        headers.get("content-type", "").partition(";")[0].strip(),
        headers.get("content-transfer-encoding", "").lower(),
        piece[blank.end() :],
    )


def _parameters(header: str) -> dict[str, str]:
    found = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain.strip()
    return found


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
