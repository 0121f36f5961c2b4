"""What can go wrong on the way: messages lost, doubled or out of order, and bytes that nobody sent."""

import random
import re
from collections.abc import Callable

_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_EDGES = (
    b"0", b"-1", b"1", b"-0", b"0.0", b"1e9", b"1e-9", b"1E400", b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809", b"18446744073709551616", b"0.000000000000000000001", b"null", b"true",
    b'""', b'"x"',
    b"[]", b"{}", b"[[]]", b'[["1"]]', b'"\\u0000"', b"1" * 400,
)  # fmt: skip
_WORDS = (
    b"bids",
    b"asks",
    b"b",
    b"a",
    b"u",
    b"U",
    b"pu",
    b"data",
    b"type",
    b"snapshot",
    b"seqId",
    b"result",
    b"channel",
)


def flipped(payload: bytes, rng: random.Random) -> bytes:
    """A few bytes changed."""
    changed = bytearray(payload)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncated(payload: bytes, rng: random.Random) -> bytes:
    """Cut short, at either end."""
    at = rng.randrange(len(payload) + 1)
    return payload[:at] if rng.random() < 0.8 else payload[at:]


def renumbered(payload: bytes, rng: random.Random) -> bytes:
    """One number made an edge case, or moved by a little."""
    found = list(_NUMBER.finditer(payload))
    if not found:
        return payload
    one = rng.choice(found)
    near = b"%d" % (int(float(one[0])) + rng.choice((-2, -1, 1, 2))) if len(one[0]) < 19 else b"1"
    return payload[: one.start()] + rng.choice((*_EDGES, near, near, near)) + payload[one.end() :]


def swapped(payload: bytes, rng: random.Random) -> bytes:
    """Two numbers change places, or one field takes the name of another."""
    found = list(_NUMBER.finditer(payload))
    if len(found) > 1 and rng.random() < 0.7:
        first, second = sorted(rng.sample(found, 2), key=lambda one: one.start())
        return b"".join(
            (
                payload[: first.start()], second[0], payload[first.end() : second.start()], first[0],
                payload[second.end() :],
            )
        )  # fmt: skip
    one, other = rng.sample(_WORDS, 2)
    return payload.replace(b'"%b"' % one, b'"%b"' % other)


def spliced(payload: bytes, rng: random.Random) -> bytes:
    """A part of the payload a second time, somewhere."""
    start, end = sorted(rng.randrange(len(payload) + 1) for _ in range(2))
    at = rng.randrange(len(payload) + 1)
    return payload[:at] + payload[start : min(end, start + 60)] + payload[at:]


def nested(_payload: bytes, rng: random.Random) -> bytes:
    """Random JSON, now and then too deep for any reader."""
    if rng.random() < 0.02:
        return rng.choice((b"[", b'{"a":')) * rng.randrange(1, 5000)

    def value(depth: int) -> bytes:
        kind = rng.randrange(8 if depth < 4 else 5)
        if kind < 5:
            return rng.choice((*_EDGES, b'"0.5"', b"17"))
        inside = [value(depth + 1) for _ in range(rng.randrange(4))]
        if kind == 5:
            return b"[" + b",".join(inside) + b"]"
        return b"{" + b",".join(b'"%b":%b' % (rng.choice(_WORDS), one) for one in inside) + b"}"

    return value(0)


CONTENT: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped,
    truncated,
    renumbered,
    renumbered,
    swapped,
    spliced,
    nested,
)
"""Each changes what one message says."""


def disordered(payloads: list[bytes], rng: random.Random) -> list[bytes]:
    """A few messages lost, cut short, doubled, late or early, none changed; the first is more often kept."""
    order = list(payloads)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        if len(order) < 2:
            break
        at, kind = rng.randrange(rng.random() < 0.9, len(order)), rng.randrange(5)
        if kind == 0:
            del order[at]
        elif kind == 1:
            order.insert(rng.randrange(at, len(order)) + 1, order[at])
        elif kind == 2:
            order.insert(rng.randrange(len(order)), order.pop(at))
        elif kind == 3:
            order[at] = order[at][: rng.randrange(len(order[at]) + 1)]
        else:
            order.insert(at, nested(b"", rng))
    return order


def damaged(payloads: list[bytes], rng: random.Random) -> list[bytes]:
    """As `disordered`, and some messages changed as well."""
    order = disordered(payloads, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if order:
            at = rng.randrange(len(order))
            order[at] = rng.choice(CONTENT)(order[at], rng)
    return order
