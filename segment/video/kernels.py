"""The compiled loop that counts what LZW codes stand for."""

from segment.kernels import kept


@kept.compiled(nogil=True)
def count_gif_lzw(codes, bits, lengths):
    """Return (pixels, what the codes came to) of GIF's LZW: 1 an end code, 0 none, -1 nonsense.

    codes : (N,) uint8, the bytes of all sub-blocks. bits : of a pixel, 1 to 8. lengths : (4096,)
    int64, room to work in: how many pixels each code stands for.

    Source: GIF89a specification, appendix F.
    """
    clear, end = 1 << bits, (1 << bits) + 1
    for code in range(clear):
        lengths[code] = 1
    free, width, before = end + 1, bits + 1, -1
    pixels, held, count = 0, 0, 0
    for at in range(len(codes)):
        held |= int(codes[at]) << count
        count += 8
        while count >= width:
            code = held & ((1 << width) - 1)
            held >>= width
            count -= width
            if code == clear:
                free, width, before = end + 1, bits + 1, -1
                continue
            if code == end:
                return pixels, 1
            if before < 0:
                if code > end:
                    return pixels, -1
                pixels += 1
                before = code
                continue
            if code > free or (code == free and free > 4095):
                return pixels, -1
            length = lengths[code] if code < free else lengths[before] + 1
            pixels += length
            if free < 4096:
                lengths[free] = lengths[before] + 1
                free += 1
                if free == 1 << width and width < 12:
                    width += 1
            before = code
    return pixels, 0
