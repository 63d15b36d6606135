//! nginx as a cache in front of another server.
