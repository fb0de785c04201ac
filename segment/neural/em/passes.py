"""A sequence gone through there and back, for who has all of its frames."""

from collections.abc import Callable

from torch import Tensor

__all__ = ["there_and_back"]


def there_and_back(first: Tensor, passes: int, follow: Callable[[Tensor, bool], Tensor]) -> Tensor:
    """Go on from a first pass; return the mean responsibilities of the last two.

    Every pass begins with an empty memory and the responsibilities that the one before it
    ended with, of a frame of its own, so that slots keep their numbers.

    Parameters
    ----------
    first : (B, T, K', H, W), responsibilities of the first pass, by frames.
    passes : how many in all, at least 1; with 1, `first` is what returns.
    follow : goes through all frames from responsibilities (B, K', 1, H, W) to begin with,
        from the last frame to the first if the flag is set; returns responsibilities
        (B, T, K', H, W) in the order it has seen the frames.
    """
    before = shares = first
    for number in range(1, passes):
        turned = number % 2 == 1
        before = shares
        shares = follow(shares[:, -1 if turned else 0, :, None], turned)
        shares = shares.flip(1) if turned else shares
    return (before + shares) / 2
