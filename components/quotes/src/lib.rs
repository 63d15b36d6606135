//! Prices, boards and how old they may be. Pure: no I/O, no clock, no randomness.
