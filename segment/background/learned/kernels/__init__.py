"""The compiled loops of the learned E-step, a file for every step of a frame.

`distance` compares rows with samples; `statistics` makes planes of bytes of it; `network` judges
these where there is doubt; `remember` is the M-step. `records` names what they pass on. Arrays in,
arrays changed: nothing is checked, nothing allocated.
"""
