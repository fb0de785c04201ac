"""What lies in which piece of foreground."""

from segment.grouping.compiling import entry

__all__ = ["count_pieces", "middles"]


@entry
def middles(pieces, boxes, sums):
    """Sum up how far the pixels of every piece are from the corner of its box.

    pieces (H, W) int32, 0 or 1 + the number of a piece; boxes (N, 4) intp, first row and column
    first; sums (N, 2) intp, overwritten: rows and columns.
    """
    sums[:] = 0
    for y in range(pieces.shape[0]):
        for x in range(pieces.shape[1]):
            n = pieces[y, x] - 1
            if n >= 0:
                sums[n, 0] += y - boxes[n, 0]
                sums[n, 1] += x - boxes[n, 1]


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
