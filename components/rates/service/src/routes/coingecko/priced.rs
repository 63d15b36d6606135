//! What a coin costs, in a quote currency or in another coin: as the board has it, or crossed
//! from the board's prices, as the routes under /v1 do.

use super::{is_stale, known_number, number};
use crate::cache::Served;
use edge_rates_quotes::{
    Asset, Board, Catalogue, Method, Millis, Precision, Price, Quote, Rate, Rounding, convert,
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The code of what prices may be counted in: a quote currency, or a coin by its symbol. None if
/// nothing of this name is served.
pub(super) fn unit<'a>(catalogue: &'a Catalogue, name: &str) -> Option<&'a str> {
    let name = name.trim();
    let currency = catalogue.currency(name).map(|currency| currency.as_str());
    currency.or_else(|| catalogue.by_symbol(name).map(Asset::symbol))
}

/// The price of a coin in something, with what is known beside it.
#[derive(Debug)]
pub(super) struct Priced<'b> {
    source: Source<'b>,
    market_cap: Option<Figure<'b>>,
    volume: Option<Figure<'b>>,
}

#[derive(Debug)]
enum Source<'b> {
    /// The board has it.
    Quoted(&'b Quote),
    /// It follows from other prices.
    Crossed(Box<Rate>),
}

/// A number, and when it was told where that is before the price.
#[derive(Debug)]
struct Figure<'b> {
    digits: Cow<'b, str>,
    older: Option<Millis>,
}

impl<'b> Priced<'b> {
    /// The price of `asset` in what `code` stands for, if there is one.
    pub(super) fn of(
        board: &'b Board,
        catalogue: &Catalogue,
        asset: &Asset,
        code: &str,
    ) -> Option<Priced<'b>> {
        let currency = catalogue.currency(code);
        let source = match currency.and_then(|currency| board.get(asset.id(), currency)) {
            Some(quote) => Source::Quoted(quote),
            None => {
                let rate = convert::rate_of(board, catalogue, asset, code).ok()?;
                Source::Crossed(Box::new(rate))
            }
        };
        let figure = |figure: fn(&Quote) -> &Option<String>| match &source {
            Source::Quoted(quote) if quote.method != Method::Identity => Some(Figure {
                digits: figure(quote).as_deref()?.into(),
                older: quote.figures,
            }),
            // No provider gives it in a coin.
            _ => {
                let of = |quote: &Quote| figure(quote).clone();
                let worked_out = convert::figure_in(board, catalogue, asset, code, of);
                worked_out.map(|(digits, quote)| Figure {
                    digits: digits.into(),
                    older: quote.figures,
                })
            }
        };
        Some(Priced {
            market_cap: figure(|quote| &quote.market_cap),
            volume: figure(|quote| &quote.volume_24h),
            source,
        })
    }

    /// The price with the digits that are wanted; None if it can't be rounded.
    pub(super) fn price(&self, precision: Precision) -> Option<Box<RawValue>> {
        let rounding = Rounding::HalfEven;
        let text = match &self.source {
            Source::Quoted(quote) => convert::round_price(&quote.price, precision, rounding),
            Source::Crossed(rate) => rate.text(precision, rounding),
        };
        number(&text.ok()?)
    }

    /// The change over 24 hours in percent, if a provider gave it.
    pub(super) fn change(&self) -> Option<Box<RawValue>> {
        match &self.source {
            Source::Quoted(quote) => known_number(quote.change_24h_pct.as_deref()),
            Source::Crossed(_) => None,
        }
    }

    /// The market capitalisation, if it is known.
    pub(super) fn market_cap(&self) -> Option<Box<RawValue>> {
        number(&self.market_cap.as_ref()?.digits)
    }

    /// What was traded in 24 hours, if it is known.
    pub(super) fn volume(&self) -> Option<Box<RawValue>> {
        number(&self.volume.as_ref()?.digits)
    }

    /// The market capitalisation to compare by.
    pub(super) fn size(&self) -> Option<impl Ord + use<>> {
        comparable(self.market_cap.as_ref())
    }

    /// What was traded, to compare by.
    pub(super) fn trade(&self) -> Option<impl Ord + use<>> {
        comparable(self.volume.as_ref())
    }

    /// When the change, the market capitalisation and the volume were told, where any of them is
    /// older than the price: the oldest of them.
    pub(super) fn figures(&self) -> Option<Millis> {
        let change = match &self.source {
            Source::Quoted(quote) if quote.change_24h_pct.is_some() => quote.figures,
            _ => None,
        };
        let told = [&self.market_cap, &self.volume].into_iter().flatten();
        told.filter_map(|figure| figure.older).chain(change).min()
    }

    /// When it was made; what follows from several prices, when the oldest of them was.
    pub(super) fn updated(&self, board: &Board) -> Millis {
        match &self.source {
            Source::Quoted(quote) => board.priced(quote),
            Source::Crossed(rate) => {
                let made = rate.quotes().map(|quote| board.priced(quote)).min();
                made.unwrap_or(board.fetched)
            }
        }
    }

    /// Whether an answer that shows it is stale.
    pub(super) fn is_stale(&self, served: &Served) -> bool {
        match &self.source {
            Source::Quoted(quote) => is_stale(served, [*quote]),
            Source::Crossed(rate) => is_stale(served, rate.quotes()),
        }
    }
}

fn comparable(figure: Option<&Figure<'_>>) -> Option<impl Ord + use<>> {
    Price::parse(&figure?.digits).ok()?.decimal().ok()
}
