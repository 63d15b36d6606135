//! Which files a component gets, by Spin's rules: patterns keep their path below the manifest's
//! folder, and what is named with a destination goes there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component as Step, Path, PathBuf};

use glob::Pattern;
use runtime_host_manifest::{Application, Component, FileMount};

use super::error::OciError;

/// Files on this machine by their paths inside the component, which use `/` and start below its
/// root.
pub(super) type Files = BTreeMap<String, PathBuf>;

/// The files of a component.
pub(super) fn of(application: &Application, component: &Component) -> Result<Files, OciError> {
    let problem = |reason: String| OciError::Files {
        component: component.id.to_string(),
        reason,
    };
    let excluded = component
        .exclude_files
        .iter()
        .map(|pattern| {
            Pattern::new(pattern)
                .map_err(|error| problem(format!("`{pattern}` in `exclude_files`: {error}")))
        })
        .collect::<Result<_, _>>()?;
    let mut collection = Collection {
        base: &application.base_dir,
        excluded,
        files: Files::new(),
    };
    for mount in &component.files {
        match mount {
            FileMount::Pattern(pattern) => collection.add_pattern(pattern),
            FileMount::Placement {
                source,
                destination,
            } => collection.add_placement(source, destination),
            FileMount::Content { destination, .. } => {
                Err(format!("`{destination}` is already in a registry"))
            }
        }
        .map_err(problem)?;
    }
    Ok(collection.files)
}

struct Collection<'a> {
    base: &'a Path,
    excluded: Vec<Pattern>,
    files: Files,
}

impl Collection<'_> {
    fn add_pattern(&mut self, pattern: &str) -> Result<(), String> {
        let path = self.base.join(pattern);
        if path.is_file() {
            let relative = path.strip_prefix(self.base).unwrap_or(&path).to_owned();
            return self.add(&relative, &path);
        }
        if path.is_dir() {
            return Err(format!(
                "`{pattern}` is a folder: write `{}/**/*`, or a table with `source` and \
                 `destination`",
                pattern.trim_end_matches('/')
            ));
        }
        if Pattern::escape(pattern) == pattern {
            return Err(format!("there is no `{pattern}`: correct the path"));
        }
        self.add_matches(&path, self.base, Path::new(""))
    }

    fn add_placement(&mut self, source: &Path, destination: &str) -> Result<(), String> {
        let destination = Path::new(destination.trim_start_matches('/'));
        if source.is_dir() {
            return self.add_matches(&source.join("**/*"), source, destination);
        }
        if !source.is_file() {
            return Err(format!(
                "there is no {}: correct the path",
                source.display()
            ));
        }
        self.add(destination, source)
    }

    /// Adds the files that match `pattern`, below `destination` under their paths below `from`.
    fn add_matches(
        &mut self,
        pattern: &Path,
        from: &Path,
        destination: &Path,
    ) -> Result<(), String> {
        let shown = pattern.display();
        let text = pattern.to_str().ok_or(format!("`{shown}` is not UTF-8"))?;
        let paths = glob::glob(text).map_err(|error| format!("`{shown}`: {error}"))?;
        for path in paths {
            let path = path.map_err(|error| error.to_string())?;
            if !path.is_file() {
                continue;
            }
            let outside = || {
                format!(
                    "{} is not below the manifest's folder: move it there",
                    path.display()
                )
            };
            let in_application = path.strip_prefix(self.base).map_err(|_| outside())?;
            if self.is_excluded(in_application) {
                continue;
            }
            let relative = path.strip_prefix(from).map_err(|_| outside())?;
            self.add(&destination.join(relative), &path)?;
        }
        Ok(())
    }

    fn is_excluded(&self, path: &Path) -> bool {
        self.excluded
            .iter()
            .any(|pattern| pattern.matches_path(path))
    }

    fn add(&mut self, inside: &Path, path: &Path) -> Result<(), String> {
        // Also through a symbolic link.
        let real = fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let base = fs::canonicalize(self.base).map_err(|e| e.to_string())?;
        if !real.starts_with(base) {
            return Err(format!(
                "{} is not below the manifest's folder: move it there",
                path.display()
            ));
        }
        let steps = inside.components().map(|step| match step {
            Step::Normal(step) => step.to_str(),
            _ => None,
        });
        let steps: Option<Vec<_>> = steps.collect();
        match steps {
            Some(steps) if !steps.is_empty() => {
                self.files.insert(steps.join("/"), path.to_owned());
                Ok(())
            }
            _ => Err(format!(
                "{} cannot be at `{}` inside the component: write a plain path",
                path.display(),
                inside.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that a component has with these lines in its manifest.
    fn files(lines: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        for file in [
            "a.txt",
            "assets/b.txt",
            "assets/deep/c.txt",
            "assets/deep/d.jpg",
        ] {
            let path = base.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", base.join("link.txt")).unwrap();
        let manifest = base.join("spin.toml");
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"a\"\n[component.a]\n\
             source = \"a.wasm\"\n{lines}\n"
        );
        fs::write(&manifest, text).unwrap();
        let application = runtime_host_manifest::load(&manifest).unwrap();
        let found = of(&application, &application.components["a"]);
        let found = found.map_err(|error| error.to_string())?;
        for (inside, path) in &found {
            assert!(path.is_file(), "{inside} is {}", path.display());
        }
        Ok(found.into_keys().collect())
    }

    #[test]
    fn patterns_keep_their_paths_and_placements_get_others() {
        for (lines, expected) in [
            ("files = [\"a.txt\"]", vec!["a.txt"]),
            (
                "files = [\"assets/**/*.txt\"]",
                vec!["assets/b.txt", "assets/deep/c.txt"],
            ),
            (
                "files = [\"assets/**/*\"]\nexclude_files = [\"assets/deep/*\"]",
                vec!["assets/b.txt"],
            ),
            (
                "files = [{ source = \"assets\", destination = \"/\" }]",
                vec!["b.txt", "deep/c.txt", "deep/d.jpg"],
            ),
            (
                "files = [{ source = \"assets/deep\", destination = \"/x\" }, \
                 { source = \"a.txt\", destination = \"/y/z.txt\" }]",
                vec!["x/c.txt", "x/d.jpg", "y/z.txt"],
            ),
            ("files = [\"nothing/*.txt\"]", vec![]),
        ] {
            assert_eq!(files(lines).unwrap(), expected, "{lines}");
        }
    }

    #[test]
    fn what_leads_out_or_nowhere_is_refused() {
        for (lines, says) in [
            ("files = [\"missing.txt\"]", "`missing.txt`"),
            ("files = [\"assets\"]", "`assets/**/*`"),
            ("files = [\"../*\"]", "not below"),
            ("files = [\"link.txt\"]", "not below"),
            (
                "files = [{ source = \"/etc/hostname\", destination = \"/h\" }]",
                "not below",
            ),
            (
                "files = [{ source = \"a.txt\", destination = \"/../h\" }]",
                "plain path",
            ),
            (
                "files = [{ source = \"a.txt\", destination = \"/\" }]",
                "plain path",
            ),
            ("files = [\"a[\"]", "a["),
        ] {
            let said = files(lines).unwrap_err();
            assert!(
                said.contains(says) && said.contains("[component.a]"),
                "{lines}: {said}"
            );
        }
    }
}
