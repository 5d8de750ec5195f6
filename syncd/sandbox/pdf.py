"""A small PDF of text lines, without any library: enough for a reader, and for whoever checks that bytes came."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT, _MARGIN = 612, 792, 72  # letter, in points
_SIZE, _LEADING = 10, 14
_LINES = (_HEIGHT - 2 * _MARGIN) // _LEADING


def document(lines: Sequence[str]) -> bytes:
    """The lines on as many pages as they need."""
    pages = [lines[at : at + _LINES] for at in range(0, len(lines), _LINES)] or [[]]
    first = 4  # 1 catalog, 2 pages, 3 font, then a page and its content in turn
    kids = " ".join(f"{first + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for at, page in enumerate(pages):
        content = _content(page)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents {first + 2 * at + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content))
    return _assembled(objects)


def _content(lines: Sequence[str]) -> bytes:
    rows = b"".join(b"(%b) Tj T*\n" % _escaped(line) for line in lines)
    return b"BT /F1 %d Tf %d TL %d %d Td\n%bET" % (_SIZE, _LEADING, _MARGIN, _HEIGHT - _MARGIN, rows)


def _escaped(line: str) -> bytes:
    raw = line.encode("cp1252", "replace")
    for mark in (b"\\", b"(", b")"):
        raw = raw.replace(mark, b"\\" + mark)
    return bytes(max(byte, 32) for byte in raw)


def _assembled(objects: list[bytes]) -> bytes:
    body, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)
