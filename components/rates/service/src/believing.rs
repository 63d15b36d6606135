//! From what upstreams told to the board: which prices are believed is decided in
//! [`belief`](edge_rates_quotes::belief) and [`cross`]; here it is found out who has to be asked
//! for that, and operators are told what was not believed.

use crate::adapters::Pair;
use crate::refresh::Told;
use crate::settings::{Settings, Upstream};
use edge_rates_kit::log;
use edge_rates_quotes::belief::Divergence;
use edge_rates_quotes::consensus::Mode;
use edge_rates_quotes::{
    Belief, Board, Currency, Heard, Millis, Quote, ReferenceRate, Version, believe as judge, cross,
    parts, plausibility, reference,
};
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most prices that were not believed which one refresh writes a line about.
const MOST_LINES: usize = 20;

/// What a refresh comes to.
#[derive(Debug)]
pub(crate) struct Believed {
    /// Who told the prices that do not say otherwise.
    source: String,
    quotes: Vec<Quote>,
    references: Vec<ReferenceRate>,
    /// How far each upstream is from what is believed.
    pub(crate) divergences: Vec<Divergence>,
}

/// What the next upstream is to be asked for, after these were heard: in quorum, all; otherwise
/// the pairs of `all` that nobody priced yet, and those whose new price nobody confirms.
pub(crate) fn wanted(
    settings: &Settings,
    all: &[Pair],
    heard: &[Heard],
    last: Option<&Board>,
    now: Millis,
) -> Vec<Pair> {
    if settings.rules.consent.mode == Mode::Quorum {
        return all.to_vec();
    }
    let belief = judge(&settings.catalogue, heard, last, &settings.rules, now);
    let is_settled: HashMap<(&str, &str), bool> = belief
        .quotes
        .iter()
        .map(|quote| ((quote.asset.as_str(), quote.quote.as_str()), !quote.is_held))
        .collect();
    all.iter()
        .filter(|pair| {
            !is_settled
                .get(&(&*pair.asset, &*pair.quote))
                .is_some_and(|settled| *settled)
        })
        .cloned()
        .collect()
}

/// What the next upstream that prices currencies is to be asked for: what assets need to get a
/// price in currencies that no market quotes them in.
pub(crate) fn wanted_currencies(
    settings: &Settings,
    told: &Told,
    last: Option<&Board>,
    now: Millis,
) -> Vec<Pair> {
    let priced: HashSet<(&str, &str)> = told
        .market
        .iter()
        .flat_map(|heard| &heard.quotes)
        .map(|quote| (quote.asset.as_str(), quote.quote.as_str()))
        .collect();
    // A price from before will do while it is current.
    let is_kept = |asset: &str, currency: &Currency| {
        last.is_some_and(|last| {
            last.get(asset, currency).is_some_and(|quote| {
                let is_of_its_time = plausibility::is_of_its_time(last.made(quote), now);
                quote.method.is_told() && !quote.is_held && is_of_its_time
            })
        })
    };
    let is_priced = |asset: &str, currency: &Currency| {
        priced.contains(&(asset, currency.as_str())) || is_kept(asset, currency)
    };
    let known = reference::current(references(told, now), known(last), now);
    reference::needed(&settings.catalogue, is_priced, &known, now)
        .into_iter()
        .map(|(base, quote)| Pair {
            asset: base.as_str().to_ascii_lowercase(),
            symbol: base.as_str().to_owned(),
            quote: quote.as_str().to_owned(),
            code: None,
        })
        .collect()
}

fn known(last: Option<&Board>) -> &[ReferenceRate] {
    last.map_or(&[], |last| &last.references)
}

fn references(told: &Told, now: Millis) -> Vec<ReferenceRate> {
    let of = |heard: &Heard, quote: &Quote| {
        Some(ReferenceRate {
            base: Currency::parse(&quote.asset).ok()?,
            quote: quote.quote.clone(),
            price: quote.price.clone(),
            updated: quote.updated,
            heard: now,
            source: heard.provider.clone(),
        })
    };
    told.currencies
        .iter()
        .flat_map(|heard| {
            heard
                .quotes
                .iter()
                .filter_map(move |quote| of(heard, quote))
        })
        .collect()
}

/// The prices to be served. None if no market was heard. `last` is the board that is to be
/// replaced.
pub(crate) fn believe(
    settings: &Settings,
    told: &Told,
    last: Option<&Board>,
    now: Millis,
) -> Option<Believed> {
    let Belief {
        source,
        mut quotes,
        divergences,
    } = judge(
        &settings.catalogue,
        &told.market,
        last,
        &settings.rules,
        now,
    );
    report(&quotes);
    if settings.source_name.is_some() {
        // That name stands for all of them.
        quotes.iter_mut().for_each(|quote| quote.source = None);
    }
    Some(Believed {
        source: source?,
        quotes,
        references: reference::current(references(told, now), known(last), now),
        divergences,
    })
}

/// The board of what is believed: with what is kept from the `last` one, what follows from both,
/// and credit to everybody whose prices are in it.
pub(crate) fn board(
    settings: &Settings,
    believed: Believed,
    last: Option<&Board>,
    version: Version,
    now: Millis,
) -> Board {
    let source = settings.source_name.clone().unwrap_or(believed.source);
    let mut board = Board::new(version, now, source, "", believed.quotes);
    board.references = believed.references;
    let aligned = |board| {
        let divergence = settings.rules.consent.divergence;
        parts::aligned(board, &settings.catalogue, divergence)
    };
    // Before what is kept comes in, which must not lead what is new.
    board = aligned(board);
    let not_before = now.saturating_sub(settings.policy.refuse_ms);
    if let Some(last) = last {
        board = board.keeping(last, not_before);
    }
    board = aligned(cross::crossed(board, &settings.catalogue));
    if let Some(last) = last {
        board = board.with_figures_of(last, not_before);
    }
    board.attribution = match &settings.source_name {
        Some(name) => format!("Data provided by {name}"),
        None => credits(&settings.upstreams, &board),
    };
    board
}

/// What the terms of all whose prices are on the board ask to be shown, the board's source first.
fn credits(upstreams: &[Upstream], board: &Board) -> String {
    let mut named = BTreeSet::new();
    for quote in board.quotes() {
        named.extend(quote.source.as_deref());
        let used = quote.told.iter().filter(|told| told.dropped.is_none());
        named.extend(used.map(|told| told.provider.as_str()));
    }
    let of_board = upstreams
        .iter()
        .filter(|upstream| upstream.id == board.source);
    let others = upstreams
        .iter()
        .filter(|upstream| upstream.id != board.source && named.contains(&*upstream.id));
    let credits: Vec<_> = of_board
        .chain(others)
        .map(|upstream| &*upstream.attribution)
        .collect();
    credits.join("; ")
}

/// One line for each price that was told and not believed, up to a limit.
fn report(quotes: &[Quote]) {
    let dropped = || {
        quotes.iter().flat_map(|quote| {
            let told = quote.told.iter();
            told.filter_map(move |told| Some((quote, told, told.dropped.as_ref()?)))
        })
    };
    for (quote, told, reason) in dropped().take(MOST_LINES) {
        log::warning(json!({
            "event": if quote.is_held { "price held" } else { "price dropped" },
            "provider": told.provider,
            "pair": format!("{}/{}", quote.asset, quote.quote),
            "reason": reason,
            "told": told.price,
            "believed": quote.price,
        }));
    }
    let more = dropped().count().saturating_sub(MOST_LINES);
    if more > 0 {
        log::warning(json!({"event": "more prices not believed", "count": more}));
    }
}
