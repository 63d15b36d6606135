//! From what upstreams told to the prices that are believed: each pair on its own, with what is
//! known from the board before. Pairs that nobody told of are not here: they are
//! [kept](crate::board::Board::keeping) from that board or [crossed](crate::cross).

use crate::board::Board;
use crate::catalogue::Catalogue;
use crate::consensus::{Consensus, Consent, Dropped};
use crate::jump::{self, Guard, Verdict};
use crate::millis::Millis;
use crate::order;
use crate::percent::distance;
use crate::plausibility::Refusal;
use crate::price::Price;
use crate::quote::{Method, Quote, Told};
use crate::ratio::{Ratio, power_of_ten};
use crate::rounding::{Precision, Rounding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Digits after the point of a divergence.
const DIVERGENCE_DIGITS: u8 = 6;

/// What one upstream told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The upstream: `kraken`.
    pub provider: String,
    /// Its prices that are plausible.
    pub quotes: Vec<Quote>,
    /// Its prices that are not, and why.
    pub refused: Vec<(Quote, Refusal)>,
}

/// How what was told is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How several prices are made into one.
    pub consent: Consent,
    /// How far one may move.
    pub guard: Guard,
}

/// What is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belief {
    /// Who told most of it, or would have: the first upstream whose price was used. Quotes from
    /// others say so. None if nothing was told.
    pub source: Option<String>,
    /// The prices, ordered by asset and currency.
    pub quotes: Vec<Quote>,
    /// The largest divergence of each upstream that was heard, in their order.
    pub divergences: Vec<Divergence>,
}

/// How far an upstream's price is from the one that is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The upstream.
    pub provider: String,
    /// The pair for which it is the largest: `bitcoin/USD`. Empty if it agrees in everything.
    pub pair: String,
    /// The distance as a part of the price believed, rounded to six digits: `0.020000` is 2 %.
    pub ratio: String,
}

impl Belief {
    /// The prices that stayed because nobody confirms the new ones.
    pub fn held(&self) -> impl Iterator<Item = &Quote> {
        self.quotes.iter().filter(|quote| quote.is_held)
    }
}

/// What is believed at `now` of what was `heard`, in the order in which upstreams count.
/// `before` is the board of the last refresh. An asset in itself is 1, whatever is told.
pub fn believe(
    catalogue: &Catalogue,
    heard: &[Heard],
    before: Option<&Board>,
    rules: &Rules,
    now: Millis,
) -> Belief {
    let pairs = by_pair(catalogue, heard);
    let mut apart = vec![(Ratio::zero(), String::new()); heard.len()];
    let mut quotes: Vec<Quote> = Vec::with_capacity(pairs.len());
    for of_pair in pairs.values() {
        let Some(believed) = of_pair.believe(before, rules, now) else {
            continue;
        };
        for telling in &of_pair.told {
            let ratio = apart_by(&believed.price, &telling.quote.price);
            if let Some(most) = apart.get_mut(telling.place)
                && ratio.exceeds(&most.0)
            {
                *most = (ratio, format!("{}/{}", believed.asset, believed.quote));
            }
        }
        quotes.push(believed);
    }
    let is_source = |provider: &&str| {
        let mut sources = quotes.iter().filter(|quote| !quote.is_held);
        sources.any(|quote| quote.source.as_deref() == Some(provider))
    };
    let mut providers = heard.iter().map(|heard| heard.provider.as_str());
    let source = providers.clone().find(is_source).or(providers.next());
    let source = source.map(str::to_owned);
    for quote in &mut quotes {
        quote.source = quote.source.take().filter(|of| Some(of) != source.as_ref());
    }
    quotes.extend(identities(catalogue));
    order::sort_by(&mut quotes, |a, b| key(a).cmp(&key(b)));
    let divergences = heard.iter().zip(apart);
    Belief {
        source,
        quotes,
        divergences: divergences
            .map(|(heard, (ratio, pair))| Divergence {
                provider: heard.provider.clone(),
                pair,
                ratio: ratio.to_text(Precision::Digits(DIVERGENCE_DIGITS), Rounding::HalfEven),
            })
            .collect(),
    }
}

fn key(quote: &Quote) -> (&str, &str) {
    (&quote.asset, quote.quote.as_str())
}

/// Everything told of one pair.
#[derive(Debug, Default)]
struct OfPair<'a> {
    told: Vec<Telling<'a>>,
    refused: Vec<(&'a str, &'a Quote, Refusal)>,
}

/// A price that one upstream told.
#[derive(Debug)]
struct Telling<'a> {
    /// The upstream's place among those that were heard.
    place: usize,
    provider: &'a str,
    quote: &'a Quote,
}

fn by_pair<'a>(
    catalogue: &Catalogue,
    heard: &'a [Heard],
) -> BTreeMap<(&'a str, &'a str), OfPair<'a>> {
    let mut pairs: BTreeMap<_, OfPair<'a>> = BTreeMap::new();
    // Of another asset with that symbol the price is as good as any.
    let is_itself = |quote: &Quote| {
        let asset = catalogue.by_id(&quote.asset);
        let asset = asset.filter(|asset| asset.symbol() == quote.quote.as_str());
        asset.is_some_and(|asset| catalogue.is_meant(asset))
    };
    for (place, heard) in heard.iter().enumerate() {
        let provider = heard.provider.as_str();
        for quote in heard.quotes.iter().filter(|quote| !is_itself(quote)) {
            let told = &mut pairs.entry(key(quote)).or_default().told;
            // Of two prices that one upstream tells of a pair the first counts.
            if told.last().is_none_or(|telling| telling.place != place) {
                told.push(Telling {
                    place,
                    provider,
                    quote,
                });
            }
        }
        for (quote, refusal) in &heard.refused {
            if let Some(of_pair) = pairs.get_mut(&key(quote)) {
                of_pair.refused.push((provider, quote, *refusal));
            }
        }
    }
    pairs
}

impl OfPair<'_> {
    fn believe(&self, before: Option<&Board>, rules: &Rules, now: Millis) -> Option<Quote> {
        let prices: Vec<&Price> = self.told.iter().map(|told| &told.quote.price).collect();
        let first = self.told.first()?.quote;
        let before = before.and_then(|board| {
            let quote = board.get(&first.asset, &first.quote)?;
            Some((board, quote, board.made(quote)))
        });
        let good = before.map(|(board, quote, made)| {
            // What was believed for that board was good then, though its upstream may lag.
            let at = if board.is_current(quote) {
                board.fetched
            } else {
                made
            };
            (&quote.price, at)
        });
        let verdict = jump::verdict(&prices, &rules.consent, &rules.guard, good, now)?;
        match (verdict, before) {
            (Verdict::Believed(consensus), _) => self.believed(consensus),
            (Verdict::Held, Some((board, quote, made))) => Some(Quote {
                updated: Some(made),
                source: Some(quote.source.as_ref().unwrap_or(&board.source).clone()),
                is_held: true,
                told: self.told(|_| Some(Dropped::Jump.as_str())),
                ..quote.clone()
            }),
            (Verdict::Held, None) => None,
        }
    }

    fn believed(&self, consensus: Consensus) -> Option<Quote> {
        let used: Vec<_> = consensus
            .used()
            .filter_map(|place| self.told.get(place))
            .collect();
        let first = used.first()?;
        let updated = match consensus.method {
            // As old as the oldest price in it.
            Method::Median => used.iter().filter_map(|used| used.quote.updated).min(),
            _ => first.quote.updated,
        };
        let is_alone = self.told.len() + self.refused.len() == 1;
        Some(Quote {
            price: consensus.price,
            updated,
            source: Some(first.provider.to_owned()),
            method: consensus.method,
            sources: u32::try_from(used.len()).unwrap_or(u32::MAX),
            is_divergent: consensus.is_divergent,
            told: match is_alone {
                true => Vec::new(),
                false => self.told(|place| {
                    let dropped = consensus.dropped.get(place).copied().flatten();
                    dropped.map(Dropped::as_str)
                }),
            },
            ..first.quote.clone()
        })
    }

    /// What everybody told, with the reason why it was not used.
    fn told(&self, dropped: impl Fn(usize) -> Option<&'static str>) -> Vec<Told> {
        let told = |provider: &str, quote: &Quote, dropped: Option<&str>| Told {
            provider: provider.to_owned(),
            price: quote.price.clone(),
            of: None,
            dropped: dropped.map(str::to_owned),
        };
        let admitted = self.told.iter().enumerate();
        let admitted =
            admitted.map(|(place, telling)| told(telling.provider, telling.quote, dropped(place)));
        let refused = self.refused.iter();
        let refused =
            refused.map(|(provider, quote, refusal)| told(provider, quote, Some(refusal.as_str())));
        admitted.chain(refused).collect()
    }
}

/// Assets that are currencies too, in themselves.
fn identities(catalogue: &Catalogue) -> impl Iterator<Item = Quote> {
    catalogue.currencies().iter().filter_map(|currency| {
        let asset = catalogue.asset_of(currency)?;
        let one = Price::parse("1").ok()?;
        Some(Quote {
            method: Method::Identity,
            sources: 0,
            ..Quote::new(asset.id(), currency.clone(), one)
        })
    })
}

/// The distance between two prices as a part of the first.
fn apart_by(believed: &Price, told: &Price) -> Ratio {
    let ((believed, of_believed), (told, of_told)) = (believed.units(), told.units());
    let believed_in_both = believed * power_of_ten(of_told);
    let told_in_both = told * power_of_ten(of_believed);
    Ratio::of_parts(distance(&believed_in_both, &told_in_both), believed_in_both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Currency;
    use crate::consensus::Mode;
    use crate::percent::Percent;

    const NOW: Millis = Millis(1_795_225_200_000);
    const RULES: Rules = Rules {
        consent: Consent {
            mode: Mode::Fallback,
            outlier: Percent::whole(2),
            divergence: Percent::whole(2),
        },
        guard: Guard {
            percent: Percent::whole(20),
            for_ms: 600_000,
        },
    };
    const QUORUM: Rules = Rules {
        consent: Consent {
            mode: Mode::Quorum,
            ..RULES.consent
        },
        ..RULES
    };

    fn catalogue() -> Catalogue {
        Catalogue::parse("bitcoin:BTC,tron:TRX", "USD,EUR,BTC").unwrap()
    }

    fn quote(asset: &str, code: &str, price: &str) -> Quote {
        let currency = Currency::parse(code).unwrap();
        Quote::new(asset, currency, Price::parse(price).unwrap())
    }

    fn heard(provider: &str, dollars_for_bitcoin: &[&str]) -> Heard {
        let quotes = dollars_for_bitcoin.iter();
        Heard {
            provider: provider.to_owned(),
            quotes: quotes.map(|price| quote("bitcoin", "USD", price)).collect(),
            refused: Vec::new(),
        }
    }

    /// The board of five minutes ago, by kraken.
    fn before(price: &str) -> Board {
        let fetched = NOW.saturating_sub(300_000);
        let quotes = vec![quote("bitcoin", "USD", price)];
        Board::new(fetched.into(), fetched, "kraken", "", quotes)
    }

    fn bitcoin(belief: &Belief) -> &Quote {
        let mut quotes = belief.quotes.iter();
        quotes
            .find(|quote| quote.asset == "bitcoin" && quote.quote.as_str() == "USD")
            .unwrap()
    }

    fn dropped(quote: &Quote) -> Vec<(&str, Option<&str>)> {
        let told = quote.told.iter();
        told.map(|told| (told.provider.as_str(), told.dropped.as_deref()))
            .collect()
    }

    #[test]
    fn what_one_told_stays_as_it_was_told() {
        let told = Quote {
            change_24h_pct: Some("-1.5".to_owned()),
            updated: Some(NOW),
            ..quote("bitcoin", "USD", "100.0")
        };
        let heard = Heard {
            quotes: vec![told.clone()],
            ..heard("coingecko", &[])
        };
        let belief = believe(&catalogue(), &[heard], None, &RULES, NOW);
        assert_eq!(bitcoin(&belief), &told);
        assert_eq!(belief.source.as_deref(), Some("coingecko"));
    }

    #[test]
    fn each_pair_has_its_own_source() {
        let mut second = heard("kraken", &["101"]);
        second.quotes.push(quote("tron", "USD", "0.3"));
        let heard = [heard("coingecko", &["100"]), second];
        let belief = believe(&catalogue(), &heard, None, &RULES, NOW);
        let sources: Vec<_> = belief
            .quotes
            .iter()
            .filter(|quote| quote.method == Method::Single)
            .map(|quote| (quote.asset.as_str(), quote.source.as_deref(), quote.sources))
            .collect();
        assert_eq!(sources, [("bitcoin", None, 2), ("tron", Some("kraken"), 1)]);
        assert_eq!(
            dropped(bitcoin(&belief)),
            [("coingecko", None), ("kraken", None)]
        );
    }

    #[test]
    fn a_median_is_as_old_as_its_oldest_price() {
        let at = |provider, price, age_ms| Heard {
            quotes: vec![Quote {
                updated: Some(NOW.saturating_sub(age_ms)),
                ..quote("bitcoin", "USD", price)
            }],
            ..heard(provider, &[])
        };
        let heard = [at("a", "100", 10), at("b", "101", 90), at("c", "500", 999)];
        let belief = believe(&catalogue(), &heard, None, &QUORUM, NOW);
        let median = bitcoin(&belief);
        assert_eq!(median.price.as_str(), "100.5");
        assert_eq!((median.method, median.sources), (Method::Median, 2));
        assert_eq!(median.updated, Some(NOW.saturating_sub(90)));
        assert_eq!(
            dropped(median),
            [("a", None), ("b", None), ("c", Some("outlier"))]
        );
    }

    #[test]
    fn a_price_that_was_refused_is_shown_beside_another() {
        let mut old = heard("kraken", &[]);
        old.refused = vec![(
            quote("bitcoin", "USD", "90"),
            Refusal::TooOld {
                age_ms: 900_001,
                max_age_ms: 900_000,
            },
        )];
        let alone = believe(&catalogue(), std::slice::from_ref(&old), None, &RULES, NOW);
        assert!(
            alone
                .quotes
                .iter()
                .all(|quote| quote.method == Method::Identity)
        );
        let heard = [heard("coingecko", &["100"]), old];
        let beside = believe(&catalogue(), &heard, None, &RULES, NOW);
        assert_eq!(
            dropped(bitcoin(&beside)),
            [("coingecko", None), ("kraken", Some("too_old"))]
        );
        assert_eq!(bitcoin(&beside).sources, 1);
    }

    #[test]
    fn a_leap_is_held_with_the_time_and_source_of_the_last_good_price() {
        let before = before("100");
        let heard = [heard("coingecko", &["150"])];
        let belief = believe(&catalogue(), &heard, Some(&before), &RULES, NOW);
        let held = bitcoin(&belief);
        assert_eq!((held.price.as_str(), held.is_held), ("100", true));
        assert_eq!(held.updated, Some(before.fetched));
        assert_eq!(held.source.as_deref(), Some("kraken"));
        assert_eq!(dropped(held), [("coingecko", Some("jump"))]);
        assert_eq!(belief.held().count(), 1);
        assert_eq!(belief.divergences[0].ratio, "0.500000");
    }

    #[test]
    fn a_held_price_is_released_ten_minutes_after_it_was_made() {
        let mut board = before("100");
        let good = board.fetched;
        let mut prices = Vec::new();
        for minute in (0..=15).step_by(5) {
            let now = NOW.saturating_add(minute * 60_000);
            let heard = [heard("coingecko", &["50"])];
            let belief = believe(&catalogue(), &heard, Some(&board), &RULES, now);
            prices.push((now.since(good), bitcoin(&belief).price.as_str().to_owned()));
            board = Board::new(now.into(), now, "coingecko", "", belief.quotes.clone());
        }
        let held: Vec<_> = prices.iter().filter(|(_, price)| price == "100").collect();
        assert_eq!(held.last().unwrap().0, 600_000, "{prices:?}");
        assert_eq!(prices.last().unwrap().1, "50");
    }

    #[test]
    fn a_price_guards_from_the_board_that_it_was_believed_for() {
        let lagging = Quote {
            updated: Some(NOW.saturating_sub(899_000)),
            ..quote("bitcoin", "USD", "100")
        };
        let held_with = |fetched: Millis, quote: &Quote| {
            let board = Board::new(fetched.into(), fetched, "kraken", "", vec![quote.clone()]);
            let heard = [heard("coingecko", &["50"])];
            let belief = believe(&catalogue(), &heard, Some(&board), &RULES, NOW);
            belief.held().count() == 1
        };
        let five_minutes_ago = NOW.saturating_sub(300_000);
        assert!(held_with(five_minutes_ago, &lagging));
        assert!(!held_with(NOW.saturating_sub(600_001), &lagging));
        // One that is held already guards from its own time, so that it is released.
        let held = Quote {
            is_held: true,
            ..lagging.clone()
        };
        assert!(!held_with(five_minutes_ago, &held));
    }

    #[test]
    fn a_leap_that_another_confirms_is_believed() {
        let heard = [heard("coingecko", &["50"]), heard("kraken", &["50.4"])];
        let belief = believe(&catalogue(), &heard, Some(&before("100")), &RULES, NOW);
        let quote = bitcoin(&belief);
        assert_eq!((quote.price.as_str(), quote.sources), ("50", 2));
        assert!(!quote.is_held && !quote.is_divergent);
    }

    #[test]
    fn where_another_tells_of_no_leap_it_is_believed_and_the_source_of_the_board() {
        let heard = [heard("coingecko", &["5000"]), heard("kraken", &["101"])];
        let belief = believe(&catalogue(), &heard, Some(&before("100")), &RULES, NOW);
        let quote = bitcoin(&belief);
        assert_eq!(quote.price.as_str(), "101");
        assert!(!quote.is_held && quote.is_divergent);
        assert_eq!(belief.source.as_deref(), Some("kraken"));
        assert_eq!(
            dropped(quote),
            [("coingecko", Some("jump")), ("kraken", None)]
        );
    }

    #[test]
    fn an_asset_in_itself_is_one_whatever_is_told() {
        let told = Heard {
            quotes: vec![quote("bitcoin", "BTC", "0.9999")],
            ..heard("coingecko", &["100"])
        };
        let belief = believe(&catalogue(), &[told], None, &RULES, NOW);
        let one: Vec<_> = belief
            .quotes
            .iter()
            .filter(|quote| quote.quote.as_str() == "BTC")
            .map(|quote| (quote.price.as_str(), quote.method))
            .collect();
        assert_eq!(one, [("1", Method::Identity)]);
    }

    #[test]
    fn the_largest_divergence_of_each_upstream_is_known_by_its_pair() {
        let mut second = heard("kraken", &["103"]);
        second.quotes.push(quote("tron", "USD", "1.01"));
        let mut first = heard("coingecko", &["100"]);
        first.quotes.push(quote("tron", "USD", "1"));
        let belief = believe(&catalogue(), &[first, second], None, &RULES, NOW);
        let divergences: Vec<_> = belief
            .divergences
            .iter()
            .map(|of| (of.provider.as_str(), of.pair.as_str(), of.ratio.as_str()))
            .collect();
        assert_eq!(
            divergences,
            [
                ("coingecko", "", "0.000000"),
                ("kraken", "bitcoin/USD", "0.030000")
            ]
        );
    }
}
