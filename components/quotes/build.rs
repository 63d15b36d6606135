//! Turns `data/assets.csv` and `data/currencies.csv` into constant tables, so that an instance
//! reads nothing when it starts. What the columns mean is said in the files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// What is wrong, and where.
type Flaw = String;

fn main() -> Result<(), Flaw> {
    println!("cargo:rerun-if-changed=data");
    println!("cargo:rerun-if-changed=build.rs");
    let mut tables = assets(&rows("data/assets.csv")?)?;
    tables.push_str(&currencies(&rows("data/currencies.csv")?)?);
    let out = env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?;
    let out = Path::new(&out).join("listed.rs");
    fs::write(&out, tables).map_err(|error| format!("{}: {error}", out.display()))
}

/// The fields of each line that is no comment, with where it stands.
fn rows(path: &str) -> Result<Vec<(String, Vec<String>)>, Flaw> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let rows = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
        .map(|(number, line)| {
            let fields = line.split(',').map(|field| field.trim().to_owned());
            (format!("{path}:{}", number + 1), fields.collect())
        })
        .collect();
    Ok(rows)
}

fn assets(rows: &[(String, Vec<String>)]) -> Result<String, Flaw> {
    let mut table = String::from("pub(crate) static ASSETS: &[ListedAsset] = &[\n");
    let mut by_id = BTreeMap::new();
    for (position, (place, fields)) in rows.iter().enumerate() {
        let [id, symbol, name, rank, decimals, codes] = fields.as_slice() else {
            return Err(format!("{place}: six fields are needed"));
        };
        if by_id.insert(id.clone(), position).is_some() {
            return Err(format!("{place}: {id} is there twice"));
        }
        let codes = codes.split_whitespace().map(|code| {
            let (provider, code) = code
                .split_once('=')
                .ok_or_else(|| format!("{place}: a code is written as provider=CODE"))?;
            Ok(format!("({provider:?}, {code:?})"))
        });
        let codes: Vec<String> = codes.collect::<Result<_, Flaw>>()?;
        let _ = writeln!(
            table,
            "ListedAsset {{ id: {id:?}, symbol: {symbol:?}, name: {name:?}, rank: {}, decimals: {}, codes: &[{}] }},",
            number(place, rank)?,
            number(place, decimals)?,
            codes.join(", ")
        );
    }
    table.push_str("];\n/// Positions in `ASSETS`, ordered by id.\n");
    let positions: Vec<String> = by_id.values().map(ToString::to_string).collect();
    let _ = writeln!(
        table,
        "pub(crate) static BY_ID: &[u16] = &[{}];",
        positions.join(", ")
    );
    Ok(table)
}

fn currencies(rows: &[(String, Vec<String>)]) -> Result<String, Flaw> {
    let mut table = String::from("pub(crate) static CURRENCIES: &[ListedCurrency] = &[\n");
    for (place, fields) in rows {
        let [code, name, kind, unit, decimals, list, asset, part] = fields.as_slice() else {
            return Err(format!("{place}: eight fields are needed"));
        };
        let kind = match kind.as_str() {
            "fiat" => "Fiat",
            "crypto" => "Crypto",
            "commodity" => "Commodity",
            other => return Err(format!("{place}: {other} is no kind of currency")),
        };
        let asset = match asset.as_str() {
            "" => "None".to_owned(),
            asset => format!("Some({asset:?})"),
        };
        let unit = if unit.is_empty() { code } else { unit };
        let _ = writeln!(
            table,
            "ListedCurrency {{ code: {code:?}, name: {name:?}, kind: Kind::{kind}, unit: {unit:?}, decimals: {}, is_coingeckos: {}, asset: {asset}, part: {} }},",
            number(place, decimals)?,
            list == "coingecko",
            part_of(place, part, rows)?
        );
    }
    table.push_str("];\n");
    Ok(table)
}

/// `0.01 XYZ` as an expression: the other currency's code, and the power of ten.
fn part_of(place: &str, text: &str, rows: &[(String, Vec<String>)]) -> Result<String, Flaw> {
    let Some((share, whole)) = text.split_once(' ') else {
        return match text {
            "" => Ok("None".to_owned()),
            _ => Err(format!("{place}: a part is written as 0.01 CODE")),
        };
    };
    let zeros = share
        .strip_prefix("0.")
        .and_then(|digits| digits.strip_suffix('1'));
    let zeros = zeros.filter(|zeros| zeros.bytes().all(|digit| digit == b'0'));
    let zeros = zeros.ok_or_else(|| format!("{place}: {share} is no power of ten below 1"))?;
    let is_listed = |(_, fields): &(String, Vec<String>)| {
        let is_whole = fields.last().is_some_and(String::is_empty);
        is_whole && fields.first().is_some_and(|code| code == whole)
    };
    if !rows.iter().any(is_listed) {
        return Err(format!("{place}: {whole} is no currency that is whole"));
    }
    Ok(format!("Some(({whole:?}, {}))", zeros.len() + 1))
}

/// A number that may be missing, as an expression.
fn number(place: &str, text: &str) -> Result<String, Flaw> {
    if text.is_empty() {
        return Ok("None".to_owned());
    }
    let number: u16 = text
        .parse()
        .map_err(|_| format!("{place}: {text} is no number"))?;
    Ok(format!("Some({number})"))
}
