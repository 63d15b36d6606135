//! What was pulled, by digest: on disk where that is possible, otherwise in memory. Nothing is
//! given out that does not hash to its name, whatever has happened to the file.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::io::AsyncWrite;

use super::digest::{Digest, Hash};
use super::error::OciError;
use super::layout;
use crate::compiled::usual_folder;
use crate::kept_files;

/// Where contents are, in a cache folder.
const CONTENTS: &str = "registry/sha256";

/// The most that is kept on disk: some applications of the largest size that is taken.
const MOST_KEPT: u64 = 4 * layout::MOST_BYTES;

/// How much of a file is hashed at once.
const PIECE: usize = 64 << 10;

/// A cache folder, or none.
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    /// Whether it was asked for, so that it is an error if it cannot be written.
    is_asked_for: bool,
    /// What the disk has no place for.
    held: Mutex<HashMap<Digest, Bytes>>,
}

impl Cache {
    /// Opens the cache in the folder that is given, or else in the user's.
    pub(super) fn open(cache_dir: Option<&Path>) -> Self {
        let folder = cache_dir.map(Path::to_owned).or_else(usual_folder);
        Self {
            folder: folder.map(|folder| folder.join(CONTENTS)),
            is_asked_for: cache_dir.is_some(),
            held: Mutex::default(),
        }
    }

    /// A content, if it is here and is what its digest says.
    pub(crate) fn read(&self, digest: &Digest) -> Option<Bytes> {
        if let Some(held) = self.held(digest) {
            return Some(held);
        }
        let path = self.path(digest)?;
        let mut content = Vec::new();
        let file = File::open(&path).ok()?;
        let read = file
            .take(layout::MOST_LAYER.saturating_add(1))
            .read_to_end(&mut content);
        read.ok()?;
        if Digest::of(&content) != *digest {
            discard(&path);
            return None;
        }
        Some(content.into())
    }

    /// Whether a content is here and is what its digest says.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        if self.held(digest).is_some() {
            return true;
        }
        let Some(path) = self.path(digest) else {
            return false;
        };
        let Ok(found) = hash_of(&path) else {
            return false;
        };
        if found != *digest {
            discard(&path);
            return false;
        }
        if let Ok(used) = fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            kept_files::note_use(&path, used);
        }
        true
    }

    /// Something to write a content of `size` bytes into.
    pub(super) fn receive(&self, size: u64) -> Result<Incoming, OciError> {
        let place = match &self.folder {
            Some(folder) => match self.temporary_file(folder) {
                Ok(file) => Place::Disk(file),
                Err(error) if is_full(&error) => return Err(OciError::NoSpace(folder.clone())),
                Err(error) if self.is_asked_for => {
                    return Err(OciError::Cache {
                        path: folder.clone(),
                        error,
                    });
                }
                Err(error) => {
                    tracing::warn!(
                        "what is pulled is held in memory, because {} cannot be written \
                         ({error}): mount a volume there, or name a folder with `--cache-dir`",
                        folder.display()
                    );
                    Place::Memory(Vec::new())
                }
            },
            None => Place::Memory(Vec::new()),
        };
        Ok(Incoming {
            place,
            hash: Hash::default(),
            left: size,
            failure: None,
        })
    }

    /// Keeps what has been received, if it is what `digest` says. The error is what it is instead.
    pub(super) fn keep(&self, incoming: Incoming, digest: &Digest) -> Result<(), KeepError> {
        if incoming.left > 0 {
            return Err(KeepError::Other(format!(
                "ends {} bytes too early",
                incoming.left
            )));
        }
        let found = incoming.hash.digest();
        if found != *digest {
            return Err(KeepError::Other(format!("hashes to {found}")));
        }
        match (incoming.place, self.path(digest)) {
            (Place::Disk(file), Some(path)) => {
                file.persist(&path)
                    .map_err(|error| KeepError::Cache(error.error, path))?;
            }
            (Place::Memory(content), _) => self.hold(digest, content.into()),
            (Place::Disk(_), None) => {}
        }
        Ok(())
    }

    /// Keeps a content that is complete.
    pub(super) fn put(&self, digest: &Digest, content: &Bytes) -> Result<(), OciError> {
        let mut incoming = self.receive(content.len() as u64)?;
        let written = incoming.take(content);
        written.map_err(|error| self.explain(error))?;
        match self.keep(incoming, digest) {
            Ok(()) => Ok(()),
            Err(KeepError::Cache(error, path)) => Err(OciError::Cache { path, error }),
            // The digest was made from the content.
            Err(KeepError::Other(_)) => Ok(()),
        }
    }

    /// What an error in writing to the cache means.
    pub(super) fn explain(&self, error: io::Error) -> OciError {
        let path = self.folder.clone().unwrap_or_default();
        match is_full(&error) {
            true => OciError::NoSpace(path),
            false => OciError::Cache { path, error },
        }
    }

    fn temporary_file(&self, folder: &Path) -> io::Result<NamedTempFile> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        kept_files::remove_unused(folder, MOST_KEPT);
        NamedTempFile::new_in(folder)
    }

    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(digest.hex()))
    }

    fn held(&self, digest: &Digest) -> Option<Bytes> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(digest).cloned()
    }

    fn hold(&self, digest: &Digest, content: Bytes) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(digest.clone(), content);
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

fn hash_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Hash::default();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        match piece.get(..read) {
            Some([]) | None => return Ok(hash.digest()),
            Some(content) => hash.update(content),
        }
    }
}

/// Somebody has changed the file, or the disk has. It can be pulled again.
fn discard(path: &Path) {
    tracing::warn!(
        "{} is not what its name says and is removed from the cache",
        path.display()
    );
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!("{} cannot be removed: {error}", path.display());
    }
}

/// Why a content is not kept.
pub(super) enum KeepError {
    /// It is something else than it should be.
    Other(String),
    /// The disk does not take it.
    Cache(io::Error, PathBuf),
}

/// A content on its way. It is hashed as it comes, and takes no more than was said.
pub(super) struct Incoming {
    place: Place,
    hash: Hash,
    left: u64,
    failure: Option<io::Error>,
}

enum Place {
    Disk(NamedTempFile),
    Memory(Vec<u8>),
}

impl Incoming {
    /// What went wrong in writing, if anything did.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn take(&mut self, content: &[u8]) -> io::Result<()> {
        let length = content.len() as u64;
        self.left = self.left.checked_sub(length).ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidData,
                "it is longer than its manifest says",
            )
        })?;
        match &mut self.place {
            Place::Disk(file) => file.write_all(content)?,
            Place::Memory(held) => held.extend_from_slice(content),
        }
        self.hash.update(content);
        Ok(())
    }
}

/// Writes to a local disk are short, and nothing else goes on while an application is pulled.
impl AsyncWrite for Incoming {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.take(content) {
            Ok(()) => Poll::Ready(Ok(content.len())),
            Err(error) => {
                let told = io::Error::new(error.kind(), "it cannot be kept");
                self.failure = Some(error);
                Poll::Ready(Err(told))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn in_folder(folder: &Path) -> Cache {
        Cache::open(Some(folder))
    }

    fn received(cache: &Cache, size: u64, content: &[u8]) -> Incoming {
        let mut incoming = cache.receive(size).unwrap();
        incoming.take(content).unwrap();
        incoming
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_cache_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"content");
        let cache = in_folder(folder.path());
        assert!(!cache.has(&digest));
        cache.put(&digest, &Bytes::from_static(b"content")).unwrap();
        let next = in_folder(folder.path());
        assert!(next.has(&digest));
        assert_eq!(next.read(&digest).unwrap(), b"content"[..]);
    }

    #[test]
    fn a_changed_file_is_never_given_out_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"content");
        let cache = in_folder(folder.path());
        for by in [&b"kontent"[..], b"", b"content and more"] {
            cache.put(&digest, &Bytes::from_static(b"content")).unwrap();
            let path = cache.path(&digest).unwrap();
            fs::write(&path, by).unwrap();
            assert!(cache.read(&digest).is_none());
            assert!(!path.exists());

            cache.put(&digest, &Bytes::from_static(b"content")).unwrap();
            fs::write(&path, by).unwrap();
            assert!(!cache.has(&digest));
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_does_not_match_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = in_folder(folder.path());
        let digest = Digest::of(b"content");
        let other = received(&cache, 7, b"kontent");
        assert!(
            matches!(cache.keep(other, &digest), Err(KeepError::Other(what)) if what.contains("hashes to"))
        );
        let short = received(&cache, 7, b"con");
        assert!(
            matches!(cache.keep(short, &digest), Err(KeepError::Other(what)) if what.contains("4 bytes"))
        );
        let mut long = received(&cache, 7, b"content");
        assert!(long.take(b"!").is_err());
        assert!(!cache.has(&digest));
        let left = fs::read_dir(folder.path().join(CONTENTS)).unwrap().count();
        assert_eq!(left, 1, "only the one that is still being received");
    }

    #[test]
    fn without_a_folder_to_write_it_is_held_in_memory() {
        let cache = Cache {
            folder: Some("/dev/null/no-folder".into()),
            is_asked_for: false,
            held: Mutex::default(),
        };
        let digest = Digest::of(b"content");
        cache.put(&digest, &Bytes::from_static(b"content")).unwrap();
        assert!(cache.has(&digest));
        assert_eq!(cache.read(&digest).unwrap(), b"content"[..]);
    }

    #[test]
    fn a_folder_that_was_asked_for_has_to_work() {
        let cache = in_folder(Path::new("/dev/null/no-folder"));
        let refused = cache.put(&Digest::of(b""), &Bytes::new()).unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains("/dev/null/no-folder") && said.contains("--cache-dir"),
            "{said}"
        );
    }

    #[test]
    fn several_can_fill_the_same_folder_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let contents: Vec<Bytes> = (0..32).map(|n| Bytes::from(vec![n; 100_000])).collect();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let cache = in_folder(folder.path());
                    for content in &contents {
                        let digest = Digest::of(content);
                        cache.put(&digest, content).unwrap();
                        assert_eq!(&cache.read(&digest).unwrap(), content);
                    }
                });
            }
        });
        let files = fs::read_dir(folder.path().join(CONTENTS)).unwrap().count();
        assert_eq!(files, contents.len(), "no halves are left");
    }
}
