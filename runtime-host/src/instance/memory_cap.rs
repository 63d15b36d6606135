//! The limit on what one instance may hold in memory, summed over all its linear memories and
//! tables. Composed components have a memory each, so a limit per memory would be no limit.

use wasmtime::{Error, ResourceLimiter, Result};

/// Memory of one table element on the host.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what an instance has been given and refuses growth beyond the limit.
#[derive(Debug)]
pub(crate) struct MemoryCap {
    limit: usize,
    used: usize,
    /// The growth granted last, taken back if the engine cannot provide it.
    granted: usize,
    refused: bool,
}

impl MemoryCap {
    /// `limit` is in bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            granted: 0,
            refused: false,
        }
    }

    /// Whether growth has ever been refused: then a trap that follows is most likely the
    /// guest's allocator giving up.
    pub(crate) fn was_reached(&self) -> bool {
        self.refused
    }

    /// The limit in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let within = self
            .used
            .checked_add(bytes)
            .filter(|used| *used <= self.limit);
        match within {
            Some(used) => {
                self.used = used;
                self.granted = bytes;
                true
            }
            None => {
                self.refused = true;
                false
            }
        }
    }

    fn take_back(&mut self) {
        self.used = self.used.saturating_sub(self.granted);
        self.granted = 0;
    }
}

impl ResourceLimiter for MemoryCap {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(ELEMENT_BYTES)))
    }

    fn table_grow_failed(&mut self, _error: Error) -> Result<()> {
        self.take_back();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_together() {
        let mut cap = MemoryCap::new(100);
        assert!(cap.memory_growing(0, 60, None).unwrap());
        assert!(cap.table_growing(0, 5, None).unwrap());
        assert!(!cap.was_reached());
        assert!(!cap.memory_growing(0, 1, None).unwrap(), "a second memory");
        assert!(cap.was_reached());
    }

    #[test]
    fn what_the_engine_could_not_give_is_not_counted() {
        let mut cap = MemoryCap::new(100);
        assert!(cap.memory_growing(0, 80, None).unwrap());
        cap.memory_grow_failed(Error::msg("no slot")).unwrap();
        assert!(cap.memory_growing(0, 100, None).unwrap());
    }
}
