"""What lies in which piece of foreground."""

from segment.grouping.compiling import entry

__all__ = ["count_pieces", "survey"]


@entry
def survey(pieces, boxes, area, sums):
    """Measure every piece in one go over the picture.

    pieces (H, W) int32, 0 or 1 + the number of a piece; overwritten: boxes (N, 4) intp, first row
    and column, last row and column + 1; area (N,) intp, pixels; sums (N, 2) intp, of the pixels'
    rows and columns.
    """
    area[:] = 0
    sums[:] = 0
    for y in range(pieces.shape[0]):
        for x in range(pieces.shape[1]):
            n = pieces[y, x] - 1
            if n < 0:
                continue
            if area[n] == 0:
                boxes[n, 0] = y
                boxes[n, 1] = x
                boxes[n, 3] = x + 1
            boxes[n, 1] = min(boxes[n, 1], x)
            boxes[n, 2] = y + 1
            boxes[n, 3] = max(boxes[n, 3], x + 1)
            area[n] += 1
            sums[n, 0] += y
            sums[n, 1] += x


@entry
def count_pieces(owner, pieces, table):
    """Count how many pixels every owner has of every piece.

    owner (H, W) int32, -1 for nobody; pieces (H, W) int32; table (N, M) intp, overwritten.
    """
    table[:] = 0
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            k = owner[y, x]
            if k >= 0:
                table[k, pieces[y, x]] += 1
