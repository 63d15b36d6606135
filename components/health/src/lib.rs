//! Component: /health, /healthz, /ready.
