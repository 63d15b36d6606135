//! Component: /metrics and /api/metrics in Prometheus text.
