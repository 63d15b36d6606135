//! Files that are kept in a cache folder for later starts: written whole or not at all, so that
//! several hosts can share the folder, and removed when nobody has used them for long.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

/// What nobody has used for so long is removed.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time of last use is not noted more often than this.
const NOTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Others see the whole file or none.
pub(crate) fn write(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}

/// Notes that a file is used, which was last noted at `used`. If that fails it is made anew some
/// day.
pub(crate) fn note_use(path: &Path, used: SystemTime) {
    let now = SystemTime::now();
    if now.duration_since(used).is_ok_and(|age| age > NOTED) {
        let _unnoted = File::open(path).and_then(|file| file.set_modified(now));
    }
}

/// Removes what has not been used for long, what a killed host left half written, and the oldest
/// where it is too much.
pub(crate) fn remove_unused(folder: &Path, most_bytes: u64) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    files.sort_by_key(|(used, _, _)| std::cmp::Reverse(*used));
    let mut bytes = 0;
    for (used, length, path) in files {
        bytes += length;
        let is_old = used.elapsed().is_ok_and(|age| age > KEPT);
        if is_old || bytes > most_bytes {
            let _gone = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_not_used_for_long_goes() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (name, age) in [("old", KEPT + Duration::from_secs(60)), ("new", NOTED)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(now - age).unwrap();
        }
        remove_unused(folder.path(), u64::MAX);
        assert_eq!(names(folder.path()), ["new"]);
    }

    #[test]
    fn the_oldest_go_where_it_is_too_much_and_folders_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for age in 0..10 {
            let file = File::create(folder.path().join(age.to_string())).unwrap();
            file.set_len(100).unwrap();
            let used = SystemTime::now() - Duration::from_secs(60 * age);
            file.set_modified(used).unwrap();
        }
        remove_unused(folder.path(), 350);
        assert_eq!(names(folder.path()), ["0", "1", "2", "folder"]);
    }

    #[test]
    fn a_use_is_noted_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let used = || fs::metadata(&path).unwrap().modified().unwrap();
        for (age, is_noted) in [(NOTED / 2, false), (NOTED * 2, true)] {
            let before = SystemTime::now() - age;
            File::create(&path).unwrap().set_modified(before).unwrap();
            note_use(&path, used());
            assert_eq!(used() != before, is_noted, "{age:?}");
        }
    }
}
