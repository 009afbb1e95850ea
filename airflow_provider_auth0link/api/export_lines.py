"""Gzipped JSON Lines, checked for wholeness while they pass. Pure, and in constant memory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from airflow_provider_auth0link.errors import ExportError

CHUNK_BYTES = 1 << 18
"""Of plain text at once: a few compressed bytes can stand for gigabytes."""

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line. A profile of 1 MB is a very long one."""

GZIP = 16 + zlib.MAX_WBITS


class Passing:
    """
    A gzip file of JSON Lines that passes by, part by part.

    It is whole when every member's checksum and length are right, nothing is missing at the end, and the last line is
    complete: it ends in a newline, or can be read as JSON.

    ``lines`` is how many passed so far.
    """

    def __init__(self) -> None:
        self.lines = 0
        self._begun = False
        self._member: zlib._Decompress | None = None
        self._tail = bytearray()

    def plain(self, part: bytes) -> Iterator[bytes]:
        """
        Take the next part, and return what it stands for.

        :raises ExportError: when it is damaged, or no gzip
        """
        left = part
        while left:
            if self._member is None:
                left = left.lstrip(b"\0") if self._begun else left  # padding after a member
                if not left:
                    return
                self._member, self._begun = zlib.decompressobj(GZIP), True
            text = self._unpacked(self._member, left)
            while text:
                self._pass(text)
                yield text
                left = self._member.unconsumed_tail
                text = self._unpacked(self._member, left)
            left = self._member.unused_data
            if self._member.eof:
                self._member = None

    def _unpacked(self, member: zlib._Decompress, part: bytes) -> bytes:
        try:
            return member.decompress(part, CHUNK_BYTES)
        except zlib.error:
            damaged = "is damaged" if self.lines or self._tail else "is no gzip, or damaged"
        raise ExportError(f"what was downloaded {damaged}, {self.lines:,} lines into it")

    def _pass(self, text: bytes) -> None:
        self.lines += text.count(b"\n")
        end = text.rfind(b"\n")
        if end >= 0:
            self._tail.clear()
        self._tail += text[end + 1 :]
        if len(self._tail) > LONGEST_LINE:
            raise ExportError(
                f"what was downloaded has a line longer than any user, after {self.lines:,} others"
            )

    def end(self) -> int:
        """
        Return how many lines there were, at the end.

        :raises ExportError: when it is not whole
        """
        if self._member is not None or not self._begun:
            raise ExportError(f"the download ended early, after {self.lines:,} lines")
        if self._tail.strip():
            complete = True
            try:
                json.loads(self._tail)
            except (ValueError, RecursionError):
                complete = False
            if not complete:
                raise ExportError(f"the last line of the download is cut, after {self.lines:,} others")
            return self.lines + 1
        return self.lines
