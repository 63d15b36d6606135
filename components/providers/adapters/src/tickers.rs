//! Which asset a ticker stands for on exchanges.
//!
//! Tickers collide: several assets may call themselves SUI, and an exchange means one of them.
//! Only the assets listed here are looked up by ticker; for any other, the caller has to give the
//! exchange's own code. Which of them an exchange trades is said in its adapter.

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
    ("BNB", "binancecoin"),
    ("BTC", "bitcoin"),
    ("DAI", "dai"),
    ("DOGE", "dogecoin"),
    ("DOT", "polkadot"),
    ("ETC", "ethereum-classic"),
    ("ETH", "ethereum"),
    ("FIL", "filecoin"),
    ("HBAR", "hedera-hashgraph"),
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
    ("XMR", "monero"),
    ("XRP", "ripple"),
    ("XTZ", "tezos"),
    ("YFI", "yearn-finance"),
    ("ZEC", "zcash"),
];

/// The id of the asset that exchanges mean by `ticker`, if it is known.
fn asset_of(ticker: &str) -> Option<&'static str> {
    MEANINGS
        .iter()
        .find(|(known, _)| *known == ticker)
        .map(|(_, asset)| *asset)
}

/// What the pair's asset is called on an exchange: the code that the caller gives, or else the
/// pair's ticker if exchanges mean this asset by it.
pub(crate) fn ticker(pair: &Pair) -> Option<&str> {
    match pair.code {
        Some(_) => pair.code(),
        None => {
            (asset_of(&pair.symbol) == Some(pair.asset.as_str())).then_some(pair.symbol.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(asset: &str, code: Option<&str>) -> Pair {
        Pair {
            asset: asset.to_owned(),
            symbol: "SOL".to_owned(),
            quote: "USD".to_owned(),
            code: code.map(str::to_owned),
        }
    }

    #[test]
    fn a_ticker_counts_only_for_the_asset_that_exchanges_mean() {
        assert_eq!(ticker(&pair("solana", None)), Some("SOL"));
        assert_eq!(ticker(&pair("wrapped-solana", None)), None);
    }

    #[test]
    fn a_code_that_the_caller_gives_goes_before_the_ticker() {
        assert_eq!(ticker(&pair("solana", Some("SOLX"))), Some("SOLX"));
        assert_eq!(
            ticker(&pair("wrapped-solana", Some("W-SOL"))),
            Some("W-SOL")
        );
        for wrong in ["", "a b", "a&b=c", "a,b", "é"] {
            assert_eq!(ticker(&pair("solana", Some(wrong))), None, "{wrong}");
        }
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
