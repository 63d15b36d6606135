//! A misbehaving guest on WASI 0.3: loops, allocates, traps, streams, counts.
