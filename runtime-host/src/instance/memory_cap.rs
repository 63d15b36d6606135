//! The limit on what one instance may hold in memory, summed over all its linear memories and
//! tables. Composed components have a memory each, so a limit per memory would be no limit.

use wasmtime::{ResourceLimiter, Result};

/// Memory of one table element on the host.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what an instance has been given and refuses growth beyond the limit.
#[derive(Debug)]
pub(crate) struct MemoryCap {
    limit: usize,
    used: usize,
    refused: bool,
}

impl MemoryCap {
    /// `limit` is in bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
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
                true
            }
            None => {
                self.refused = true;
                false
            }
        }
    }
}

// Growth that the engine fails to provide stays counted: whether one was ever granted can't be
// told from its failing, and a guest must not gain by it.
impl ResourceLimiter for MemoryCap {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let is_possible = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(is_possible && self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let is_possible = maximum.is_none_or(|maximum| desired <= maximum);
        let elements = desired.saturating_sub(current);
        Ok(is_possible && self.grow(elements.saturating_mul(ELEMENT_BYTES)))
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
    fn what_is_beyond_a_memorys_own_maximum_is_not_counted() {
        let mut cap = MemoryCap::new(100);
        assert!(!cap.memory_growing(0, 80, Some(60)).unwrap());
        assert!(!cap.table_growing(0, 9, Some(8)).unwrap());
        assert!(cap.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn growth_that_fails_gives_nothing_back() {
        let mut cap = MemoryCap::new(100);
        assert!(cap.memory_growing(0, 80, None).unwrap());
        cap.table_grow_failed(wasmtime::Error::msg(
            "an overflow that was never asked about",
        ))
        .unwrap();
        assert!(!cap.memory_growing(80, 160, None).unwrap());
    }
}
