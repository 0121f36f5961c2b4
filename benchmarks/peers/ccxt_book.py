"""ccxt.pro's side of `benchmarks/feed.py`: reads messages, then takes a turn whenever a line asks for one."""

import json
import sys
import time

import ccxt
import ccxt.pro


def turn(lines: list[bytes]) -> float:
    """Processor seconds: each message decoded, handled and the book put in order, as its client does."""
    exchange = ccxt.pro.binanceusdm()
    whole = json.loads(lines[0])
    book = exchange.order_book({}, 1_000)
    book.reset(exchange.parse_order_book(whole, "BTC/USDT:USDT", None, "bids", "asks"))
    book["nonce"] = whole["lastUpdateId"]
    start = time.process_time()
    for line in lines[1:]:
        message = json.loads(line)["data"]
        exchange.handle_order_book_message(None, message, book)
        book.limit()
    took = time.process_time() - start
    if book["nonce"] != message["u"]:
        sys.exit(f"ccxt: book at {book['nonce']}, not {message['u']}")
    return took


def main() -> None:
    """The messages, then turns until the end."""
    source = sys.stdin.buffer
    lines = [source.readline() for _ in range(int(source.readline()))]
    for asked in source:
        if asked == b"turn\n":
            print(turn(lines), flush=True)
        elif asked == b"version\n":
            print(ccxt.__version__, flush=True)
        else:
            break


if __name__ == "__main__":
    main()
