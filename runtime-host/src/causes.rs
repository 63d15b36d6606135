//! Why something failed, down to the first cause, for messages of one line.

use std::error::Error;
use std::io;
use std::iter::successors;

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// An error and its causes, also those that are wrapped into an I/O error, which hides them.
pub(crate) fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The first cause of a type.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// What stands between the first of these brackets and the one that closes it, and what
    /// follows. There are no brackets in texts that are not closed there.
    fn bracketed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
        let inside = text.split_once(open)?.1;
        let mut depth = 1;
        let end = inside.find(|c| {
            depth += i32::from(c == open) - i32::from(c == close);
            depth == 0
        })?;
        Some((&inside[..end], &inside[end + close.len_utf8()..]))
    }

    /// The fields of the variant or struct at the start of `item`, by the names by which a message
    /// shows them.
    fn fields(item: &str) -> Vec<(String, &str)> {
        let end = item.find(['(', '{', ',', ';', '}']).unwrap_or(item.len());
        let (inside, are_named) = match item[end..].chars().next() {
            Some('(') => (bracketed(item, '(', ')'), false),
            Some('{') => (bracketed(item, '{', '}'), true),
            _ => (None, false),
        };
        let inside = inside.map_or("", |(inside, _)| inside);
        let written = inside.split(",\n").filter(|field| !field.trim().is_empty());
        let name = |(position, field): (usize, &'_ str)| {
            let declared = field
                .rsplit_once('\n')
                .map_or(field, |(_, line)| line)
                .trim();
            match declared.split_once(':') {
                Some((name, _)) if are_named => name.trim_start_matches("pub ").to_owned(),
                _ => position.to_string(),
            }
        };
        let numbered = written.enumerate();
        numbered.map(|field| (name(field), field.1)).collect()
    }

    /// Fields whose text is in the message of an error and which are its source as well: who
    /// prints an error with its causes prints them twice.
    fn told_twice(source: &str) -> Vec<String> {
        let mut found = Vec::new();
        for attribute in source.split("#[error(").skip(1) {
            let attribute = format!("({attribute}");
            let Some((message, rest)) = bracketed(&attribute, '(', ')') else {
                continue;
            };
            let item = rest.trim_start_matches(']').trim_start();
            for (name, field) in fields(item) {
                let is_source =
                    field.contains("#[source]") || field.contains("#[from]") || name == "source";
                let is_shown = message.contains(&format!("{{{name}}}"))
                    || message.contains(&format!("{{{name}:"));
                if is_source && is_shown {
                    found.push(format!("{message}: {name}"));
                }
            }
        }
        found
    }

    fn check(folder: &Path, checked: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                check(&path, checked);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with(file!().rsplit('/').next().unwrap())
            {
                let source = fs::read_to_string(&path).unwrap();
                *checked += source.matches("#[error(").count();
                assert_eq!(told_twice(&source), [""; 0], "{}", path.display());
            }
        }
    }

    #[test]
    fn what_would_be_told_twice_is_found() {
        for twice in [
            "#[error(\"no: {0}\")]\nNo(#[from] io::Error),",
            "#[error(\n\"no ({reason:#}): {}\", path.display())]\nNo {\n/// Where.\npath: PathBuf,\n\
             #[source]\nreason: io::Error,\n},",
            "#[error(\"no: {source}\")]\nNo { source: io::Error },",
        ] {
            assert_eq!(told_twice(twice).len(), 1, "{twice}");
        }
        for once in [
            "#[error(transparent)]\nNo(#[from] io::Error),",
            "#[error(\"no\")]\nNo(#[from] io::Error),",
            "#[error(\"no: {reason}\")]\nNo {\nreason: io::Error,\n},",
        ] {
            assert_eq!(told_twice(once), [""; 0], "{once}");
        }
    }

    #[test]
    fn no_error_of_the_host_tells_its_cause_twice() {
        let mut checked = 0;
        check(Path::new(env!("CARGO_MANIFEST_DIR")), &mut checked);
        assert!(checked > 100, "only {checked} errors were found");
    }
}
