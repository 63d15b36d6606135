//! Which asset a ticker stands for on exchanges.
//!
//! Tickers collide: several assets may call themselves SUI, and an exchange means one of them.
//! Only the assets listed here are looked up by ticker. Which of them an exchange trades is
//! said in its adapter.

use crate::upstream::Pair;

/// Ticker and the id of the asset that exchanges mean by it. Ids are CoinGecko's.
const MEANINGS: &[(&str, &str)] = &[
    ("AAVE", "aave"),
    ("ADA", "cardano"),
    ("ALGO", "algorand"),
    ("APT", "aptos"),
    ("ARB", "arbitrum"),
    ("ATOM", "cosmos"),
    ("AVAX", "avalanche-2"),
    ("BCH", "bitcoin-cash"),
    ("BTC", "bitcoin"),
    ("DAI", "dai"),
    ("DOGE", "dogecoin"),
    ("DOT", "polkadot"),
    ("ETC", "ethereum-classic"),
    ("ETH", "ethereum"),
    ("FIL", "filecoin"),
    ("LINK", "chainlink"),
    ("LTC", "litecoin"),
    ("NEAR", "near"),
    ("OP", "optimism"),
    ("PEPE", "pepe"),
    ("POL", "polygon-ecosystem-token"),
    ("SHIB", "shiba-inu"),
    ("SOL", "solana"),
    ("SUI", "sui"),
    ("TON", "the-open-network"),
    ("TRX", "tron"),
    ("UNI", "uniswap"),
    ("USDC", "usd-coin"),
    ("USDT", "tether"),
    ("XLM", "stellar"),
    ("XRP", "ripple"),
    ("XTZ", "tezos"),
    ("ZEC", "zcash"),
];

/// The id of the asset that exchanges mean by `ticker`, if it is known.
pub(crate) fn asset_of(ticker: &str) -> Option<&'static str> {
    MEANINGS
        .iter()
        .find(|(known, _)| *known == ticker)
        .map(|(_, asset)| *asset)
}

/// Whether exchanges mean the pair's asset by the pair's ticker.
pub(crate) fn unambiguous(pair: &Pair) -> bool {
    asset_of(&pair.symbol) == Some(pair.asset.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_counts_only_for_the_asset_that_exchanges_mean() {
        let pair = |asset: &str| Pair {
            asset: asset.to_owned(),
            symbol: "SOL".to_owned(),
            quote: "USD".to_owned(),
        };
        assert!(unambiguous(&pair("solana")));
        assert!(!unambiguous(&pair("wrapped-solana")));
    }

    #[test]
    fn no_ticker_has_two_meanings() {
        for (n, (ticker, _)) in MEANINGS.iter().enumerate() {
            assert!(
                MEANINGS
                    .iter()
                    .skip(n + 1)
                    .all(|(other, _)| other != ticker),
                "{ticker} is listed twice"
            );
        }
    }
}
