//! Content codings (RFC 9110 §8.4.1): which one a client gets, and the compressed copies of a
//! body, each made when the first client asks for it.
//!
//! There is gzip, and zstd for those who want nothing else: the encoder that runs in the sandbox
//! makes it a quarter longer than gzip. Brotli would save a tenth, and add a megabyte to a
//! component; clients that take it take gzip too.

use crate::problem::Problem;
use crate::request::Request;
use bytes::Bytes;
use std::cell::OnceCell;
use std::io::Write;

/// Shorter bodies, in bytes, go as they are: they fit in one packet either way.
pub const SMALLEST: usize = 1024;

/// Longer bodies are compressed less, so that a request does not wait for it.
const LONG: usize = 128 << 10;

/// A way to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// What there is, the best first.
const CODINGS: [Coding; 2] = [Coding::Gzip, Coding::Zstd];

impl Coding {
    /// Its name in Content-Encoding, and the end of the entity tags of what is coded so.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
        }
    }

    fn is_named(self, name: &str) -> bool {
        // RFC 9110 §8.4.1.3 has an old name for gzip.
        let name = name
            .strip_prefix("x-")
            .filter(|_| self == Coding::Gzip)
            .unwrap_or(name);
        name.eq_ignore_ascii_case(self.name())
    }

    fn encode(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Coding::Gzip => {
                let level = if plain.len() > LONG { 3 } else { 6 };
                let coded = Vec::with_capacity(plain.len() / 4);
                let mut encoder =
                    flate2::write::GzEncoder::new(coded, flate2::Compression::new(level));
                // Writing to memory does not fail.
                let _written = encoder.write_all(plain);
                encoder.finish().unwrap_or_default()
            }
            Coding::Zstd => {
                let level = ruzstd::encoding::CompressionLevel::Fastest;
                ruzstd::encoding::compress_to_vec(plain, level)
            }
        }
    }
}

/// What a client accepts, by its Accept-Encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The body as it is.
    Plain,
    /// The body in this coding.
    Coded(Coding),
    /// Neither plain nor any coding that there is.
    Nothing,
}

impl Accepted {
    /// Reads Accept-Encoding (RFC 9110 §12.5.3). Where a client likes several things equally, the
    /// shortest is chosen. An entry that is malformed counts as absent.
    pub fn by(header: &str) -> Accepted {
        let entries = || header.split(',').filter_map(entry);
        // The first entry of a name counts; the asterisk stands for what is not named.
        let named = |is_it: &dyn Fn(&str) -> bool| {
            let mut found = entries().filter(|(name, _)| is_it(name));
            found.next().map(|(_, weight)| weight)
        };
        let others = named(&|name| name == "*");
        let plain = named(&|name| name.eq_ignore_ascii_case("identity"));
        let weight_of =
            |coding: Coding| named(&|name| coding.is_named(name)).or(others).unwrap_or(0);
        let mut best: Option<(Coding, u16)> = None;
        for coding in CODINGS {
            let weight = weight_of(coding);
            if weight > best.map_or(0, |(_, best)| best) {
                best = Some((coding, weight));
            }
        }
        match best {
            Some((coding, weight)) if weight >= plain.unwrap_or(0) => Accepted::Coded(coding),
            // Plain is acceptable unless it is excluded.
            _ if plain.or(others.filter(|weight| *weight == 0)) == Some(0) => Accepted::Nothing,
            _ => Accepted::Plain,
        }
    }
}

/// One entry of Accept-Encoding: its name and its weight in thousandths (RFC 9110 §12.4.2).
fn entry(text: &str) -> Option<(&str, u16)> {
    let (name, parameter) = match text.split_once(';') {
        Some((name, parameter)) => (name, Some(parameter.trim())),
        None => (text, None),
    };
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let Some(parameter) = parameter else {
        return Some((name, 1000));
    };
    let weight = parameter
        .strip_prefix("q=")
        .or(parameter.strip_prefix("Q="))?;
    Some((name, thousandths(weight)?))
}

/// `0.5` is 500.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// A body, and its compressed copies as far as somebody asked for them.
#[derive(Debug, Clone)]
pub struct Forms {
    plain: Bytes,
    coded: [OnceCell<Bytes>; CODINGS.len()],
}

impl Forms {
    /// The forms of one body.
    pub fn new(plain: impl Into<Bytes>) -> Forms {
        Forms {
            plain: plain.into(),
            coded: Default::default(),
        }
    }

    /// The body as it is.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// How much memory they take, in bytes.
    pub fn bytes(&self) -> usize {
        let coded = self.coded.iter().filter_map(OnceCell::get);
        self.plain.len() + coded.map(Bytes::len).sum::<usize>()
    }

    /// The form that the client of `request` wants, with its coding if it has one.
    ///
    /// # Errors
    /// A 406 problem if the client accepts none.
    pub fn wanted(&self, request: &Request) -> Result<(Option<Coding>, Bytes), Problem> {
        if self.plain.len() <= SMALLEST {
            return Ok((None, self.plain.clone()));
        }
        let accepted = match request.list("accept-encoding") {
            Some(header) => Accepted::by(&header),
            None => Accepted::Plain,
        };
        match accepted {
            Accepted::Plain => Ok((None, self.plain.clone())),
            Accepted::Coded(coding) => Ok((Some(coding), self.coded(coding))),
            Accepted::Nothing => Err(Problem::no_acceptable_coding()),
        }
    }

    fn coded(&self, coding: Coding) -> Bytes {
        let place = CODINGS.iter().position(|known| *known == coding);
        let encode = || Bytes::from(coding.encode(&self.plain));
        match place.and_then(|place| self.coded.get(place)) {
            Some(cell) => cell.get_or_init(encode).clone(),
            None => encode(),
        }
    }
}

/// The entity tag of the form of an answer that is coded in this way. Its bytes are others, so a
/// strong tag must be another one (RFC 9110 §8.8.3.3).
pub fn etag_of_form(plain: &str, coding: Coding) -> String {
    let opaque = plain.strip_suffix('"').unwrap_or(plain);
    format!("{opaque}-{}\"", coding.name())
}

/// The entity tags of all forms of an answer, by the tag of any of them.
pub fn etags_of_forms(etag: &str) -> impl Iterator<Item = String> {
    let ending = |coding: &Coding| {
        etag.strip_suffix('"')?
            .strip_suffix(coding.name())?
            .strip_suffix('-')
    };
    let plain = match CODINGS.iter().find_map(ending) {
        Some(opaque) => format!("{opaque}\""),
        None => etag.to_owned(),
    };
    let coded = CODINGS.map(|coding| etag_of_form(&plain, coding));
    std::iter::once(plain).chain(coded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::incoming;
    use proptest::prelude::*;
    use std::io::Read;

    const GZIP: Accepted = Accepted::Coded(Coding::Gzip);
    const ZSTD: Accepted = Accepted::Coded(Coding::Zstd);

    #[test]
    fn a_client_gets_what_it_likes_best() {
        for (header, expected) in [
            ("gzip", GZIP),
            ("x-gzip", GZIP),
            ("GZip", GZIP),
            ("zstd", ZSTD),
            ("gzip, deflate, br, zstd", GZIP),
            ("gzip;q=0.5, zstd", ZSTD),
            ("gzip; q=0.500 , zstd;Q=0.501", ZSTD),
            ("br", Accepted::Plain),
            ("deflate, br;q=0.9", Accepted::Plain),
            ("", Accepted::Plain),
            ("identity", Accepted::Plain),
            ("identity, gzip", GZIP),
            ("identity;q=1, gzip;q=0.8", Accepted::Plain),
            ("gzip;q=0", Accepted::Plain),
            ("*", GZIP),
            ("*;q=0.1", GZIP),
            ("gzip;q=0, *", ZSTD),
            ("gzip;q=0, zstd;q=0.000", Accepted::Plain),
            ("identity;q=0, gzip;q=0.001", GZIP),
            ("identity;q=0", Accepted::Nothing),
            ("*;q=0", Accepted::Nothing),
            ("br, *;q=0", Accepted::Nothing),
            ("identity, *;q=0", Accepted::Plain),
            ("gzip, *;q=0", GZIP),
            // What is malformed is absent.
            ("gzip;q=2", Accepted::Plain),
            ("gzip;q=0.1234", Accepted::Plain),
            ("gzip;q=-1, zstd", ZSTD),
            ("gzip;level=1", Accepted::Plain),
            (",, ;q=1, gzip", GZIP),
        ] {
            assert_eq!(Accepted::by(header), expected, "{header}");
        }
    }

    fn read_back(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(coded)
                .read_to_end(&mut plain)
                .unwrap(),
            Coding::Zstd => {
                let mut decoder = ruzstd::decoding::StreamingDecoder::new(coded).unwrap();
                decoder.read_to_end(&mut plain).unwrap()
            }
        };
        plain
    }

    #[test]
    fn short_bodies_go_as_they_are_and_long_ones_are_coded_once() {
        let request = incoming("GET", "/", &[("accept-encoding", "gzip")], &[]);
        let short = Forms::new(vec![b'x'; SMALLEST]);
        assert_eq!(short.wanted(&request).unwrap().0, None);
        let long = Forms::new(vec![b'x'; SMALLEST + 1]);
        let (coding, first) = long.wanted(&request).unwrap();
        assert_eq!(coding, Some(Coding::Gzip));
        let (_, second) = long.wanted(&request).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same copy");
        assert_eq!(long.bytes(), SMALLEST + 1 + first.len());
        assert_eq!(read_back(Coding::Gzip, &first), *long.plain());
    }

    #[test]
    fn a_client_that_accepts_nothing_is_told() {
        let request = incoming("GET", "/", &[("accept-encoding", "identity;q=0")], &[]);
        let problem = Forms::new(vec![b'x'; 2000]).wanted(&request).unwrap_err();
        assert_eq!(problem.status(), 406);
    }

    #[test]
    fn every_form_has_its_own_tag_and_names_all_others() {
        let tags = ["\"v-1\"", "\"v-1-gzip\"", "\"v-1-zstd\""];
        for tag in tags {
            assert_eq!(etags_of_forms(tag).collect::<Vec<_>>(), tags);
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in "[a-z*;q=0-9., \\t]{0,40}|\\PC{0,40}") {
            let _any = Accepted::by(&header);
        }

        #[test]
        fn the_greater_weight_wins(gzip in 0u16..=1000, zstd in 0u16..=1000) {
            let weight = |weight: u16| match weight {
                1000 => "1".to_owned(),
                less => format!("0.{less:03}"),
            };
            let header = format!("zstd;q={}, gzip;q={}", weight(zstd), weight(gzip));
            let expected = match (gzip, zstd) {
                (0, 0) => Accepted::Plain,
                (gzip, zstd) if gzip >= zstd => GZIP,
                _ => ZSTD,
            };
            prop_assert_eq!(Accepted::by(&header), expected);
        }

        #[test]
        fn what_is_coded_reads_back(plain in proptest::collection::vec(any::<u8>(), 0..5000), times in 1usize..40) {
            let plain = plain.repeat(times);
            for coding in CODINGS {
                prop_assert_eq!(read_back(coding, &coding.encode(&plain)), plain.clone());
            }
        }
    }
}
