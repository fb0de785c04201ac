"""Exit codes of the command, beside 0 (fine), 1 (an error) and 2 (the line itself is wrong)."""

SOME_INPUTS_FAILED = 3
DECODED_WITH_DAMAGE = 4
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143
