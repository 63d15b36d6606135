//! What a coin costs, in a quote currency or in another coin: as the board has it, or crossed
//! from the board's prices, as the routes under /v1 do.

use super::{is_stale, known_number, number};
use crate::cache::Served;
use edge_rates_quotes::{
    Asset, Board, Catalogue, Millis, Precision, Quote, Rate, Rounding, convert,
};
use serde_json::value::RawValue;

/// The code of what prices may be counted in: a quote currency, or a coin by its symbol. None if
/// nothing of this name is served.
pub(super) fn unit<'a>(catalogue: &'a Catalogue, name: &str) -> Option<&'a str> {
    let name = name.trim();
    let currency = catalogue.currency(name).map(|currency| currency.as_str());
    currency.or_else(|| catalogue.by_symbol(name).map(Asset::symbol))
}

/// The price of a coin in something.
#[derive(Debug)]
pub(super) enum Priced<'b> {
    /// The board has it, with whatever is known beside it.
    Quoted(&'b Quote),
    /// It follows from other prices.
    Crossed(Box<Rate>),
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
        if let Some(quote) = currency.and_then(|currency| board.get(asset.id(), currency)) {
            return Some(Priced::Quoted(quote));
        }
        let rate = convert::rate_of(board, catalogue, asset, code).ok()?;
        Some(Priced::Crossed(Box::new(rate)))
    }

    /// The price with the digits that are wanted; None if it can't be rounded.
    pub(super) fn price(&self, precision: Precision) -> Option<Box<RawValue>> {
        let rounding = Rounding::HalfEven;
        let text = match self {
            Priced::Quoted(quote) => convert::round_price(&quote.price, precision, rounding),
            Priced::Crossed(rate) => rate.text(precision, rounding),
        };
        number(&text.ok()?)
    }

    /// The change over 24 hours in percent, if it is known.
    pub(super) fn change(&self) -> Option<Box<RawValue>> {
        known_number(self.quote()?.change_24h_pct.as_deref())
    }

    /// The market capitalisation, if it is known.
    pub(super) fn market_cap(&self) -> Option<Box<RawValue>> {
        known_number(self.quote()?.market_cap.as_deref())
    }

    /// What was traded in 24 hours, if it is known.
    pub(super) fn volume(&self) -> Option<Box<RawValue>> {
        known_number(self.quote()?.volume_24h.as_deref())
    }

    /// When the change, the market capitalisation and the volume were told, where they are older
    /// than the price.
    pub(super) fn figures(&self) -> Option<Millis> {
        self.quote()?.figures
    }

    /// The board's own quote, which alone has more than a price.
    pub(super) fn quote(&self) -> Option<&'b Quote> {
        match self {
            Priced::Quoted(quote) => Some(quote),
            Priced::Crossed(_) => None,
        }
    }

    /// When it was made; what follows from several prices, when the oldest of them was.
    pub(super) fn updated(&self, board: &Board) -> Millis {
        match self {
            Priced::Quoted(quote) => board.priced(quote),
            Priced::Crossed(rate) => {
                let made = rate.quotes().map(|quote| board.priced(quote)).min();
                made.unwrap_or(board.fetched)
            }
        }
    }

    /// Whether an answer that shows it is stale.
    pub(super) fn is_stale(&self, served: &Served) -> bool {
        match self {
            Priced::Quoted(quote) => is_stale(served, [*quote]),
            Priced::Crossed(rate) => is_stale(served, rate.quotes()),
        }
    }
}
