//! How a component talks to the world: store, clock, outbound HTTP, answers, metrics.
