//! What is traded: coins and currencies, with the value in US dollars each starts its walk from.
//! Only tables and look-ups; how a value moves is in `walk`.

/// How far a value strays from where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Volatility {
    /// A free coin: some percent a day.
    Free,
    /// A coin pegged to the dollar.
    Pegged,
    /// A currency: so little that a reference rate some days old still agrees.
    Currency,
}

/// A coin under the names the exchanges know it by.
#[derive(Debug)]
pub(crate) struct Coin {
    /// CoinGecko's id.
    pub(crate) id: &'static str,
    /// The ticker, upper case.
    pub(crate) symbol: &'static str,
    pub(crate) name: &'static str,
    /// US dollars for one.
    pub(crate) usd: f64,
    /// Coins in circulation.
    pub(crate) supply: f64,
    pub(crate) volatility: Volatility,
}

/// A currency or precious metal.
#[derive(Debug)]
pub(crate) struct Currency {
    /// ISO 4217, or `IRT` for the Iranian toman, which has no code of its own.
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Units for one US dollar.
    pub(crate) per_usd: f64,
}

const fn coin(
    id: &'static str,
    symbol: &'static str,
    name: &'static str,
    usd: f64,
    supply: f64,
) -> Coin {
    Coin {
        id,
        symbol,
        name,
        usd,
        supply,
        volatility: Volatility::Free,
    }
}

const fn pegged(id: &'static str, symbol: &'static str, name: &'static str, supply: f64) -> Coin {
    Coin {
        id,
        symbol,
        name,
        usd: 1.0,
        supply,
        volatility: Volatility::Pegged,
    }
}

const fn currency(
    code: &'static str,
    name: &'static str,
    unit: &'static str,
    per_usd: f64,
) -> Currency {
    Currency {
        code,
        name,
        unit,
        per_usd,
    }
}

/// The coins, the biggest first.
pub(crate) static COINS: &[Coin] = &[
    coin("bitcoin", "BTC", "Bitcoin", 76_975.0, 20_030_493.0),
    coin("ethereum", "ETH", "Ethereum", 2_090.0, 120_690_000.0),
    pegged("tether", "USDT", "Tether", 189_500_000_000.0),
    coin("binancecoin", "BNB", "BNB", 664.0, 134_800_000.0),
    coin("ripple", "XRP", "XRP", 1.35, 61_700_000_000.0),
    pegged("usd-coin", "USDC", "USDC", 76_900_000_000.0),
    coin("solana", "SOL", "Solana", 84.5, 577_000_000.0),
    coin("tron", "TRX", "TRON", 0.352, 94_800_000_000.0),
    coin("dogecoin", "DOGE", "Dogecoin", 0.1043, 154_000_000_000.0),
    coin("cardano", "ADA", "Cardano", 0.2485, 36_900_000_000.0),
    coin("bitcoin-cash", "BCH", "Bitcoin Cash", 349.5, 20_040_000.0),
    coin("monero", "XMR", "Monero", 381.0, 18_446_744.0),
    coin("zcash", "ZEC", "Zcash", 531.0, 16_700_000.0),
    coin("chainlink", "LINK", "Chainlink", 9.54, 727_000_000.0),
    coin("stellar", "XLM", "Stellar", 0.1492, 33_500_000_000.0),
    pegged("dai", "DAI", "Dai", 4_500_000_000.0),
    coin("litecoin", "LTC", "Litecoin", 52.5, 77_200_000.0),
    coin(
        "hedera-hashgraph",
        "HBAR",
        "Hedera",
        0.0898,
        43_400_000_000.0,
    ),
    coin("avalanche-2", "AVAX", "Avalanche", 9.21, 432_000_000.0),
    coin(
        "shiba-inu",
        "SHIB",
        "Shiba Inu",
        0.000_005_872,
        589_240_000_000_000.0,
    ),
    coin("sui", "SUI", "Sui", 1.06, 3_990_000_000.0),
    coin("the-open-network", "TON", "Toncoin", 1.87, 2_680_000_000.0),
    coin("polkadot", "DOT", "Polkadot", 1.267, 1_680_000_000.0),
    coin("uniswap", "UNI", "Uniswap", 3.58, 634_000_000.0),
    coin("near", "NEAR", "NEAR Protocol", 1.54, 1_290_000_000.0),
    coin("aave", "AAVE", "Aave", 88.4, 15_200_000.0),
    coin("pepe", "PEPE", "Pepe", 0.000_003_71, 420_690_000_000_000.0),
    coin(
        "ethereum-classic",
        "ETC",
        "Ethereum Classic",
        9.05,
        156_000_000.0,
    ),
    coin("cosmos", "ATOM", "Cosmos Hub", 1.93, 498_000_000.0),
    coin(
        "polygon-ecosystem-token",
        "POL",
        "POL (ex-MATIC)",
        0.0911,
        10_600_000_000.0,
    ),
    coin("algorand", "ALGO", "Algorand", 0.1131, 8_900_000_000.0),
    coin("filecoin", "FIL", "Filecoin", 0.987, 770_000_000.0),
    coin("aptos", "APT", "Aptos", 0.964, 800_000_000.0),
    coin("arbitrum", "ARB", "Arbitrum", 0.1178, 6_100_000_000.0),
    coin("optimism", "OP", "Optimism", 0.1284, 2_100_000_000.0),
    coin("tezos", "XTZ", "Tezos", 0.3712, 1_080_000_000.0),
    coin("yearn-finance", "YFI", "yearn.finance", 2_478.0, 35_700.0),
];

/// The currencies.
pub(crate) static CURRENCIES: &[Currency] = &[
    currency("USD", "US Dollar", "$", 1.0),
    currency("AED", "United Arab Emirates Dirham", "DH", 3.6725),
    currency("ARS", "Argentine Peso", "$", 1_396.0),
    currency("AUD", "Australian Dollar", "A$", 1.402),
    currency("BDT", "Bangladeshi Taka", "৳", 122.7),
    currency("BHD", "Bahraini Dinar", "BD", 0.377),
    currency("BMD", "Bermudian Dollar", "$", 1.0),
    currency("BRL", "Brazilian Real", "R$", 5.02),
    currency("CAD", "Canadian Dollar", "CA$", 1.374),
    currency("CHF", "Swiss Franc", "Fr.", 0.785),
    currency("CLP", "Chilean Peso", "CLP$", 905.0),
    currency("CNY", "Chinese Yuan", "¥", 6.81),
    currency("CZK", "Czech Koruna", "Kč", 20.9),
    currency("DKK", "Danish Krone", "kr.", 6.42),
    currency("EUR", "Euro", "€", 0.8594),
    currency("GBP", "British Pound Sterling", "£", 0.7485),
    currency("GEL", "Georgian Lari", "₾", 2.68),
    currency("HKD", "Hong Kong Dollar", "HK$", 7.83),
    currency("HUF", "Hungarian Forint", "Ft", 309.6),
    currency("IDR", "Indonesian Rupiah", "Rp", 17_640.0),
    currency("ILS", "Israeli New Shekel", "₪", 2.92),
    currency("INR", "Indian Rupee", "₹", 96.1),
    currency("IRR", "Iranian Rial", "﷼", 1_123_500.0),
    currency("IRT", "Iranian Toman", "IRT", 112_350.0),
    currency("ISK", "Icelandic Króna", "kr", 123.4),
    currency("JPY", "Japanese Yen", "¥", 158.8),
    currency("KRW", "South Korean Won", "₩", 1_495.0),
    currency("KWD", "Kuwaiti Dinar", "KD", 0.3085),
    currency("LKR", "Sri Lankan Rupee", "Rs", 327.0),
    currency("MMK", "Burmese Kyat", "K", 2_100.0),
    currency("MXN", "Mexican Peso", "MX$", 17.35),
    currency("MYR", "Malaysian Ringgit", "RM", 3.96),
    currency("NGN", "Nigerian Naira", "₦", 1_371.0),
    currency("NOK", "Norwegian Krone", "kr", 9.31),
    currency("NZD", "New Zealand Dollar", "NZ$", 1.713),
    currency("PHP", "Philippine Peso", "₱", 61.6),
    currency("PKR", "Pakistani Rupee", "₨", 278.4),
    currency("PLN", "Polish Zloty", "zł", 3.648),
    currency("RON", "Romanian Leu", "lei", 4.49),
    currency("RUB", "Russian Ruble", "₽", 72.9),
    currency("SAR", "Saudi Riyal", "SR", 3.75),
    currency("SEK", "Swedish Krona", "kr", 9.42),
    currency("SGD", "Singapore Dollar", "S$", 1.281),
    currency("THB", "Thai Baht", "฿", 32.6),
    currency("TRY", "Turkish Lira", "₺", 45.6),
    currency("TWD", "New Taiwan Dollar", "NT$", 31.6),
    currency("UAH", "Ukrainian Hryvnia", "₴", 44.2),
    currency("VND", "Vietnamese Dong", "₫", 26_350.0),
    currency("ZAR", "South African Rand", "R", 16.6),
    currency("XDR", "IMF Special Drawing Rights", "XDR", 0.7325),
    currency("XAG", "Silver - Troy Ounce", "XAG", 0.01316),
    currency("XAU", "Gold - Troy Ounce", "XAU", 0.000_219_9),
];

/// The coin of that CoinGecko id.
pub(crate) fn coin_by_id(id: &str) -> Option<&'static Coin> {
    COINS.iter().find(|coin| coin.id == id)
}

/// The coin of that ticker, in either case.
pub(crate) fn coin_by_symbol(symbol: &str) -> Option<&'static Coin> {
    COINS
        .iter()
        .find(|coin| coin.symbol.eq_ignore_ascii_case(symbol))
}

/// The currency of that code, in either case.
pub(crate) fn currency_by_code(code: &str) -> Option<&'static Currency> {
    CURRENCIES
        .iter()
        .find(|currency| currency.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_there_once() {
        let ids: BTreeSet<_> = COINS.iter().map(|coin| coin.id).collect();
        assert_eq!(ids.len(), COINS.len(), "a coin id is repeated");
        let tickers: BTreeSet<_> = COINS
            .iter()
            .map(|coin| coin.symbol)
            .chain(CURRENCIES.iter().map(|currency| currency.code))
            .collect();
        assert_eq!(
            tickers.len(),
            COINS.len() + CURRENCIES.len(),
            "a ticker is repeated"
        );
    }

    #[test]
    fn every_value_is_positive() {
        for coin in COINS {
            assert!(coin.usd > 0.0 && coin.supply > 0.0, "{}", coin.id);
        }
        for currency in CURRENCIES {
            assert!(currency.per_usd > 0.0, "{}", currency.code);
        }
    }
}
