"""A PDF from an address on the web: from named hosts only, at public addresses, within limits."""

import http.client
import ipaddress
import re
import shutil
import socket
import ssl
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from core.deadline import Deadline
from core.errors import FetchError

_MOST_STEPS = 8
_SECONDS_TO_ANSWER, _SECONDS = 30, 300
_BLOCK = 1 << 16
_LONGEST_PAGE = 2 << 20
_LONGEST_ADDRESS = 4000
# Left free on the disk, for the database and its vectors.
_RESERVED_BYTES = 1 << 30
# A header may have a little before it.
_HEAD_BYTES = 1024
# Bytes before the header that no text is made of: marks of an encoding and white space.
_BLANK_BYTES = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n\f\v"
# IPv6 addresses given out to hosts, and those that stand for an IPv4 address, its last 32 bits.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_HEADERS = {"User-Agent": "Whetstone", "Accept": "application/pdf, text/html;q=0.5", "Accept-Encoding": "identity"}
_BY_HAND = "Download the PDF in a browser, then drop it into the library."


@dataclass(frozen=True, slots=True)
class WebRules:
    """What may be asked: these hosts, at public addresses; `own` (host, port) wherever they are; for so many bytes."""

    hosts: Collection[str]
    own: Collection[tuple[str, int]]
    most_bytes: int


def download_pdf(url: str, target: Path, rules: WebRules) -> None:
    """Write the PDF at the address, or the one that the page there names, to a new file.

    Raises FetchError, in a sentence, where a step leads to a host that is not named or to a private address, where what
    comes is no PDF or too large, or where nothing answers.
    """
    with Deadline(_SECONDS) as deadline:
        try:
            _follow(url, target, rules, deadline)
            deadline.check()
        except (FetchError, TimeoutError) as error:
            # What a connection says that the deadline ended is beside the point.
            if deadline.passed:
                too_late = f"The paper had not come after {_SECONDS} seconds. Try again later. {_BY_HAND}"
                raise FetchError(too_late) from error
            raise


def _follow(url: str, target: Path, rules: WebRules, deadline: Deadline) -> None:
    """Go from address to address until the PDF is written."""
    from_page = False
    for _ in range(_MOST_STEPS):
        parts = _checked(url, rules)
        with closing(_connect(parts, rules, deadline)) as connection, closing(_ask(connection, parts)) as answer:
            if answer.status in _REDIRECTS:
                url = _joined(url, answer.getheader("Location", ""))
                continue
            if answer.status != 200:
                what = "has no such paper" if answer.status in (404, 410) else f"answered with status {answer.status}"
                raise FetchError(f"{parts.hostname} {what} at '{url[:200]}'. {_BY_HAND}")
            page = _store(answer, parts, target, rules, deadline)
        if page is None:
            return
        named = None if from_page else _pdf_named_in(page, parts)
        if named is None:
            raise FetchError(f"What {parts.hostname} sent is a page that names no PDF. {_BY_HAND}")
        url, from_page = _joined(url, named), True
    raise FetchError(f"'{url[:200]}' leads on and on. {_BY_HAND}")


def address_of(url: str) -> tuple[str, int]:
    """The host and port of an address."""
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def _joined(url: str, named: str) -> str:
    try:
        return urljoin(url, named)
    except ValueError as error:
        raise FetchError(f"'{named[:200]}' is not an address. {_BY_HAND}") from error


def _checked(url: str, rules: WebRules) -> SplitResult:
    """The parts of an address that may be asked. Raises FetchError for any other."""
    try:
        parts = urlsplit(url)
        address = address_of(url)
    except ValueError as error:
        raise FetchError(f"'{url[:200]}' is not an address. {_BY_HAND}") from error
    plain = len(url) <= _LONGEST_ADDRESS and url.isascii() and not re.search(r"[\x00-\x20\x7f]", url)
    if parts.scheme not in _PORTS or not plain or parts.username is not None or not parts.hostname:
        raise FetchError(f"'{url[:200]}' is not an address that a paper is fetched from. {_BY_HAND}")
    if address not in rules.own and (address[0] not in rules.hosts or address[1] != _PORTS[parts.scheme]):
        raise FetchError(
            f"The paper is at '{parts.netloc}', which is not among the hosts that papers are fetched from. {_BY_HAND} "
            "WHETSTONE_FETCH_HOSTS names more hosts."
        )
    return parts


def _connect(parts: SplitResult, rules: WebRules, deadline: Deadline) -> http.client.HTTPConnection:
    """A connection to one of the host's addresses, all of which have been looked at."""
    host, port = address_of(parts.geturl())
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if (host, port) not in rules.own and not all(_is_public(str(place[0])) for *_, place in found):
            raise FetchError(f"'{host}' leads to an address of a private network, so nothing was asked. {_BY_HAND}")
        plain = _open_socket(found, deadline)
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS_TO_ANSWER)
        secure = parts.scheme == "https"
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        return connection
    except OSError as error:
        raise _no_answer(host, error) from error


def _open_socket(found: Collection[tuple], deadline: Deadline) -> socket.socket:
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, place in found:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(deadline.seconds_left(_SECONDS_TO_ANSWER))
            deadline.hold(opened)
            opened.connect(place)
            return opened
        except OSError as error:
            opened.close()
            failure = error
    raise failure


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # Addresses that stand for another one are judged by that, or refused.
        if ip.ipv4_mapped or ip in _NAT64:
            return _is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.sixtofour or ip.teredo or ip not in _GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast


def _ask(connection: http.client.HTTPConnection, parts: SplitResult) -> http.client.HTTPResponse:
    try:
        connection.request("GET", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", headers=_HEADERS)
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise _no_answer(str(parts.hostname), error) from error


def _no_answer(host: str, error: Exception) -> FetchError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    why = " ".join(said.split())[:100] or type(error).__name__
    return FetchError(f"{host} does not answer from here ({why}). {_BY_HAND}")


def _store(
    answer: http.client.HTTPResponse, parts: SplitResult, target: Path, rules: WebRules, deadline: Deadline
) -> str | None:
    """Write the PDF that is answered; a page of HTML is given back instead."""
    room = min(rules.most_bytes, shutil.disk_usage(target.parent).free - _RESERVED_BYTES)
    too_large = FetchError(
        f"The file at {parts.hostname} is larger than {max(room, 0) >> 20} MB, which is the most that is taken or that "
        "the disk has room for."
    )
    if (answer.length or 0) > room:
        raise too_large
    blocks = _blocks(answer, parts, deadline)
    first = b""
    while len(first) < _HEAD_BYTES and (block := next(blocks, b"")):
        first += block
    if not _is_pdf(first, answer.headers.get_content_type()):
        return _read_page(first, blocks)
    with target.open("xb") as file:
        size = file.write(first)
        for block in blocks:
            size += file.write(block)
            if size > room:
                raise too_large
    return None


def _is_pdf(first: bytes, media_type: str) -> bool:
    """Whether a PDF begins so; a page that speaks of PDFs is none, whereas some PDFs have other bytes first."""
    before, header, _ = first[:_HEAD_BYTES].partition(b"%PDF-")
    return bool(header) and (media_type == "application/pdf" or not before.strip(_BLANK_BYTES))


def _blocks(answer: http.client.HTTPResponse, parts: SplitResult, deadline: Deadline) -> Iterator[bytes]:
    """The bytes as they come. Raises FetchError where they end before as many have come as were announced."""
    cut_off = FetchError(f"{parts.hostname} broke off before the whole paper had come. Try again later. {_BY_HAND}")
    try:
        while block := answer.read1(_BLOCK):
            yield block
            deadline.check()
    except http.client.IncompleteRead as error:
        raise cut_off from error
    except (OSError, http.client.HTTPException) as error:
        raise _no_answer(str(parts.hostname), error) from error
    if answer.length:
        raise cut_off


def _read_page(first: bytes, blocks: Iterator[bytes]) -> str:
    data = bytearray(first)
    for block in blocks:
        data += block
        if len(data) > _LONGEST_PAGE:
            break
    return data.decode("utf-8", "replace")


class _PdfFinder(HTMLParser):
    """The address in `<meta name="citation_pdf_url">`, by which publishers tell where a paper's PDF is."""

    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and (values.get("name") or "").lower() == "citation_pdf_url" and self.found is None:
            self.found = values.get("content")


def _pdf_named_in(page: str, parts: SplitResult) -> str | None:
    finder = _PdfFinder()
    try:
        finder.feed(page)
    except AssertionError as error:
        # What the parser has for a declaration that it does not know; what stands before that holds.
        if finder.found is None:
            raise FetchError(f"What {parts.hostname} sent is a page that can't be read. {_BY_HAND}") from error
    return finder.found
