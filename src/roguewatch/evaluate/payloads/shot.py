"""Takes a picture of a web page's text: python3 shot.py URL FILE.png

The text is drawn in a fixed font on a fixed grid, so that a picture can be read back.
"""

import html
import re
import struct
import sys
import urllib.request
import zlib

COLUMNS, ROWS, WIDE, HIGH = 80, 30, 6, 9
FONT = bytes.fromhex(
    "000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500008070300001c22410000"
    "41221c002a1c7f1c2a08083e08080080703000080808080800006060002010080402"
    "3e5149453e00427f4000724949494621" "41494d331814127f1027454545393c4a49493141211109073649494936464929291e"
    "0000140000004034000000081422411414141414004122140802015909063e415d594e"
    "7c1211127c7f494949363e414141227f4141413e7f494949417f090909013e414151737f0808087f00417f4100"
    "2040413f017f081422417f404040407f021c027f7f0408107f3e4141413e7f090909063e4151215e7f09192946"
    "264949493203017f01033f4040403f1f2040201f3f4038403f63140814630304780403"
    "6159494d43007f41414102040810200041" "41417f04020102044040404040" "0003070800"
    "20545478407f284444383844444428384444287f38545454180008" "7e090218a4a49c787f0804047800447d4000"
    "2040403d007f1028440000417f40007c047804787c080404783844444438fc1824241818242418fc7c08040408"
    "485454542404043f44243c4040207c1c2040201c3c4030403c44281028444c9090907c4464544c44"
    "00083641000000770000004136080002010204" "02"
)  # fmt: skip


def lines_of(page: str) -> list[str]:
    """The page's text, in lines that fit the picture."""
    text = html.unescape(re.sub(r"<[^>]*>", "\n", page))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cut = [line[at : at + COLUMNS] for line in lines for at in range(0, len(line), COLUMNS)]
    return cut[:ROWS]


def drawn(lines: list[str]) -> bytes:
    """Black on white, one byte a pixel, ROWS * HIGH rows of COLUMNS * WIDE."""
    width = COLUMNS * WIDE
    pixels = bytearray(b"\xff" * (width * ROWS * HIGH))
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            place = (ord(letter) if " " <= letter <= "~" else ord("?")) - 32
            for x, bits in enumerate(FONT[place * 5 : place * 5 + 5]):
                for y in range(8):
                    if bits >> y & 1:
                        pixels[(row * HIGH + y) * width + column * WIDE + x] = 0
    return bytes(pixels)


def png(pixels: bytes) -> bytes:
    """The picture as an 8-bit greyscale PNG (ISO/IEC 15948), every row unfiltered."""
    width, height = COLUMNS * WIDE, ROWS * HIGH
    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    found = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        found += struct.pack(">I", len(data)) + kind + data
        found += struct.pack(">I", zlib.crc32(kind + data))
    return found


def main() -> None:
    """Fetch the page and write its picture."""
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:  # noqa: S310
        page = answer.read().decode("utf-8", "replace")
    with open(sys.argv[2], "wb") as stream:
        stream.write(png(drawn(lines_of(page))))


if __name__ == "__main__":
    main()
