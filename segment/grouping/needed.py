"""What every grouper of foreground needs with a frame, and how it says so."""

from segment.arrays import Image, Mask, check_image, check_mask
from segment.errors import MissingForeground


def with_foreground(image: Image, foreground: Mask | None, command: str) -> Mask:
    """Return the mask that goes with an image, both checked; `command` is what messages say.

    Raises MissingForeground without a mask, and ValueError for one of another size.
    """
    if foreground is None:
        raise MissingForeground(
            f"{command} needs a foreground mask; put a subtract-... command before it"
        )
    check_image(image)
    check_mask(foreground, image.shape[:2], "foreground")
    return foreground
