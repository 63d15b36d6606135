//! A price is never a binary fraction: no file here, tests included, names a type of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether a line of code, comments aside, has the name of a floating-point type or a number of
/// one.
fn has_float(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_float = |word: &str| {
        let digits = word.trim_end_matches("f32").trim_end_matches("f64");
        digits.len() < word.len() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    };
    code.split(|c: char| !is_word(c)).any(is_float)
}

#[test]
fn no_type_of_binary_fractions_is_named_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let this = folder.join("tests/no_floats.rs");
    let files = sources(folder);
    assert!(files.len() > 20, "{files:?}");
    for file in files.iter().filter(|file| **file != this) {
        for (number, line) in fs::read_to_string(file).unwrap().lines().enumerate() {
            assert!(
                !has_float(line),
                "{}:{}: {line}",
                file.display(),
                number + 1
            );
        }
    }
}

#[test]
fn a_float_is_seen_where_there_is_one() {
    for line in [
        "let x: f64 = y;",
        "a as f32",
        "f64::from(a)",
        "1_f64",
        "2f32 * 3",
        "Vec<f64>",
    ] {
        assert!(has_float(line), "{line}");
    }
    for line in ["// an f64", "let half64 = 1;", "let f640 = 2;", "0xff32"] {
        assert!(!has_float(line), "{line}");
    }
}
