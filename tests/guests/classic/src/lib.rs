//! A guest on WASI 0.2: the incoming-handler of older apps.
