//! What nobody prices: assets and currencies that every upstream was asked for and said that it
//! does not have (see [`absence`](edge_rates_quotes::absence)). Looked up only where a rate is
//! missing, so nothing here is on the way of an answer that has one.

use crate::adapters::{Adapters, Error, Pair, Scope};
use crate::service::Service;
use crate::settings::Upstream;
use edge_rates_kit::Capabilities;
use edge_rates_kit::store::StoreError;
use edge_rates_kit::stored;
use edge_rates_quotes::absence::Absences;
use edge_rates_quotes::{Asset, Catalogue, Currency, Meaning, Millis};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long what was read of the store is taken for what is there, beside the same board. Who asks
/// again and again for what nobody prices costs the store no more than this.
const RECHECK: Duration = Duration::from_secs(1);

/// What upstreams said that they lack, as this instance last read it: in the order of the
/// settings.
#[derive(Debug, Default)]
pub(crate) struct Lacking(RefCell<Option<Read>>);

#[derive(Debug)]
struct Read {
    at: Duration,
    /// When the board was fetched that it was read beside, if there was one.
    board: Option<Millis>,
    absences: Rc<Vec<Absences>>,
}

impl Lacking {
    async fn absences<W: Capabilities, A>(
        &self,
        service: &Service<W, A>,
        board: Option<Millis>,
    ) -> Result<Rc<Vec<Absences>>, StoreError> {
        let now = service.world.elapsed();
        if let Some(read) = &*self.0.borrow()
            && read.board == board
            && now.saturating_sub(read.at) < RECHECK
        {
            return Ok(Rc::clone(&read.absences));
        }
        let mut absences = Vec::new();
        for upstream in &service.settings.upstreams {
            absences.push(stored::absences(&service.world, &upstream.id).await?);
        }
        let absences = Rc::new(absences);
        self.0.replace(Some(Read {
            at: now,
            board,
            absences: Rc::clone(&absences),
        }));
        Ok(absences)
    }
}

/// Which of these two nobody prices, so that there is no rate between them until upstreams are
/// asked anew; None where one of them may have a price. `board` is when the board was fetched
/// that lacks the rate, if there is one: what was known then holds for as long as it is served.
pub(crate) async fn nobody_prices<'a, W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    names: [&'a str; 2],
    board: Option<Millis>,
) -> Option<&'a str> {
    // Without a store nobody knows.
    let absences = service.lacking.absences(service, board).await.ok()?;
    let now = service.world.now();
    let known = Known {
        adapters: &service.adapters,
        catalogue: &service.settings.catalogue,
        upstreams: service.settings.upstreams.iter().zip(&*absences).collect(),
        times: [now, board.unwrap_or(now)],
    };
    names.into_iter().find(|name| {
        let meaning = known.catalogue.meaning(name);
        meaning.is_some_and(|meaning| known.lacks(meaning))
    })
}

struct Known<'a, A> {
    adapters: &'a A,
    catalogue: &'a Catalogue,
    upstreams: Vec<(&'a Upstream, &'a Absences)>,
    /// The times at which an absence may hold.
    times: [Millis; 2],
}

impl<A: Adapters> Known<'_, A> {
    fn lacks(&self, meaning: Meaning<'_>) -> bool {
        match (meaning.asset, meaning.currency) {
            (Some(asset), _) => self.market_lacks(&self.pairs_of(asset)),
            (None, Some(currency)) => {
                let assets = self.catalogue.assets().iter();
                let pairs: Vec<_> = assets.map(|asset| pair(asset, currency)).collect();
                self.banks_lack(currency) && self.market_lacks(&pairs)
            }
            (None, None) => false,
        }
    }

    /// An asset in every currency that it is not itself.
    fn pairs_of(&self, asset: &Asset) -> Vec<Pair> {
        let currencies = self.catalogue.currencies().iter();
        let is_itself = |currency: &Currency| {
            let itself = self.catalogue.asset_of(currency);
            itself.is_some_and(|itself| itself.id() == asset.id())
        };
        currencies
            .filter(|currency| !is_itself(currency))
            .map(|currency| pair(asset, currency))
            .collect()
    }

    /// Whether each upstream of prices has said, or its adapter knows, that it has none of these.
    fn market_lacks(&self, pairs: &[Pair]) -> bool {
        let mut markets = self.of_scope(Scope::Market);
        !pairs.is_empty()
            && markets.all(|(upstream, absences)| {
                let left = pairs
                    .iter()
                    .filter(|pair| !self.has(absences, &pair.asset, &pair.quote));
                let left: Vec<Pair> = left
                    .map(|pair| Pair {
                        code: self.code(upstream, pair),
                        ..pair.clone()
                    })
                    .collect();
                left.is_empty() || self.is_never_asked(upstream, &left)
            })
    }

    /// Whether each upstream that says what currencies cost in each other lacks this one.
    fn banks_lack(&self, currency: &Currency) -> bool {
        let quote = currency.as_str();
        let mut banks = self.of_scope(Scope::Currencies);
        banks.all(|(upstream, absences)| {
            let mut bases = self.catalogue.currencies().iter();
            let is_absent = bases.any(|base| {
                let base = base.as_str().to_ascii_lowercase();
                self.has(absences, &base, quote)
            });
            let bases = self.catalogue.currencies().iter();
            let bases = bases.filter(|base| *base != currency);
            let pairs: Vec<Pair> = bases
                .map(|base| Pair {
                    asset: base.as_str().to_ascii_lowercase(),
                    symbol: base.as_str().to_owned(),
                    quote: quote.to_owned(),
                    code: None,
                })
                .collect();
            is_absent || pairs.is_empty() || self.is_never_asked(upstream, &pairs)
        })
    }

    fn of_scope(&self, scope: Scope) -> impl Iterator<Item = (&Upstream, &Absences)> {
        let upstreams = self.upstreams.iter().copied();
        upstreams.filter(move |(upstream, _)| upstream.scope == scope)
    }

    fn has(&self, absences: &Absences, asset: &str, quote: &str) -> bool {
        let mut times = self.times.iter();
        times.any(|time| absences.has(asset, quote, *time))
    }

    fn code(&self, upstream: &Upstream, pair: &Pair) -> Option<String> {
        let asset = self.catalogue.by_id(&pair.asset)?;
        asset.code(&upstream.id).map(str::to_owned)
    }

    fn is_never_asked(&self, upstream: &Upstream, pairs: &[Pair]) -> bool {
        let planned = self
            .adapters
            .request(&upstream.id, &upstream.endpoint, pairs);
        matches!(planned, Err(Error::UnsupportedPair(_)))
    }
}

fn pair(asset: &Asset, currency: &Currency) -> Pair {
    Pair {
        asset: asset.id().to_owned(),
        symbol: asset.ticker().to_owned(),
        quote: currency.as_str().to_owned(),
        code: None,
    }
}
