//! The limit on what one instance may hold in memory, summed over all its linear memories and
//! tables. Composed components have a memory each, so a limit per memory would be no limit.

use wasmtime::{ResourceLimiter, Result};

/// Memory of one table element on the host.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts what an instance has been given and refuses growth beyond the limit.
#[derive(Debug)]
pub struct MemoryCap {
    limit: usize,
    used: usize,
    refused: bool,
}

impl MemoryCap {
    /// `limit` is in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            refused: false,
        }
    }

    /// Whether growth has ever been refused: then a trap that follows is most likely the
    /// guest's allocator giving up.
    pub fn was_reached(&self) -> bool {
        self.refused
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
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
