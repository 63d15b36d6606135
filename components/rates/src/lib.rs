//! Component: /v1/rates, /v1/convert and the CoinGecko-compatible routes.
