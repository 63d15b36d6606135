//! The memory of a component: blocks that were freed are kept by size and given out again.
//!
//! A cached answer takes and frees some 26 small blocks. The allocator of the C library spends
//! some 300 instructions on each pair, a quarter of what an answer takes inside of the sandbox;
//! taking one off a list and putting it back is a tenth of that. What is too large to recycle,
//! and every block at first, comes from there.
//!
//! Blocks stay with their size, so that an instance holds the most that it ever needed of each.
//! Instances are replaced before that matters.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: Recycling = Recycling::new();

/// What every block is aligned to, in bytes: what the C library gives without being asked.
const ALIGN: usize = 8;

/// Up to this size, in bytes, there is a list for every 16.
const SMALL: usize = 256;
const SMALL_STEP: usize = 16;

/// Up to this one, which is enough for the state of a request, there is one for every 256.
const LARGE: usize = 8192;
const LARGE_STEP: usize = 256;

/// How many lists there are: the sizes of the first 16 are in the first 256 bytes of the others.
const LISTS: usize = SMALL / SMALL_STEP + LARGE / LARGE_STEP - 1;

/// Recycles blocks; for one thread only.
struct Recycling {
    // The first block of each list. A free block begins with the address of the next one.
    lists: [Cell<*mut u8>; LISTS],
}

#[allow(unsafe_code, reason = "only unsafe code can share cells")]
// SAFETY: without atomics a component has one thread, and elsewhere there is no such static.
unsafe impl Sync for Recycling {}

impl Recycling {
    const fn new() -> Recycling {
        Recycling {
            lists: [const { Cell::new(ptr::null_mut()) }; LISTS],
        }
    }

    /// The list for blocks of this layout.
    fn list(&self, layout: Layout) -> Option<&Cell<*mut u8>> {
        self.lists.get(place(layout)?)
    }
}

/// The place of the list for blocks of this layout, if there is one.
fn place(layout: Layout) -> Option<usize> {
    let last = layout.size().saturating_sub(1);
    let place = match last < SMALL {
        true => last / SMALL_STEP,
        false => SMALL / SMALL_STEP - 1 + last / LARGE_STEP,
    };
    (layout.align() <= ALIGN && place < LISTS).then_some(place)
}

/// The layout of all blocks in the list that blocks of this layout are in.
fn whole(layout: Layout) -> Layout {
    let step = match layout.size() <= SMALL {
        true => SMALL_STEP,
        false => LARGE_STEP,
    };
    let size = layout.size().next_multiple_of(step);
    Layout::from_size_align(size, ALIGN).unwrap_or(layout)
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
// SAFETY: a block that is given out is the system's, or was given back and is on no list any more.
// It is as large and as aligned as its list says, which is never less than was asked for; and the
// list depends on the layout alone, so a block returns to where it came from. The system gets
// back what it gave for layouts that no list is for.
unsafe impl GlobalAlloc for Recycling {
    // Inlined, it would be copied to some thousand places.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = self.list(layout) else {
            // SAFETY: the caller's promises are the same.
            return unsafe { System.alloc(layout) };
        };
        let block = list.get();
        if block.is_null() {
            // SAFETY: the layout's size is not zero.
            return unsafe { System.alloc(whole(layout)) };
        }
        // SAFETY: a block on a list is free, aligned to an address, and begins with one.
        list.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(list) = self.list(layout) else {
            // SAFETY: it came from there, for no list has such blocks.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the block is free from now on, aligned to an address, and has room for one.
        unsafe { block.cast::<*mut u8>().write(list.get()) };
        list.set(block);
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.list(layout).is_none() {
            // SAFETY: the caller's promises are the same. New memory is zero already.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promises are the same.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block is at least as large as was asked for.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        match (self.list(layout), self.list(wanted)) {
            // SAFETY: it came from there, and goes on being its own.
            (None, None) => return unsafe { System.realloc(block, layout, size) },
            (Some(from), Some(to)) if ptr::eq(from, to) => return block,
            _ => {}
        }
        // SAFETY: the caller promises that the size is not zero.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are as large as what is copied, and two blocks don't overlap.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
            // SAFETY: nobody uses the old block any more.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "an allocator is unsafe by its nature")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_that_was_freed_is_given_out_again() {
        let recycling = Recycling::new();
        let layout = |size| Layout::from_size_align(size, 1).unwrap();
        // SAFETY: no size is zero, and each block is freed once with its own layout.
        unsafe {
            let first = recycling.alloc(layout(17));
            recycling.dealloc(first, layout(17));
            assert_eq!(recycling.alloc(layout(32)), first);
            recycling.dealloc(first, layout(32));
            let other = recycling.alloc(layout(33));
            assert_ne!(other, first);
            recycling.dealloc(other, layout(33));
        }
    }

    proptest! {
        /// Blocks that are taken, grown, shrunk and freed in any order keep what is written to
        /// them: none overlaps another.
        #[test]
        fn blocks_keep_what_is_written_to_them(
            steps in prop::collection::vec((0..8_usize, 0..3_u8, 1..10_000_usize, 0..5_u32), 1..80),
        ) {
            let recycling = Recycling::new();
            let mut held: [Option<(*mut u8, Layout, u8)>; 8] = [None; 8];
            for (number, (place, what, size, align)) in steps.into_iter().enumerate() {
                let mark = u8::try_from(number).unwrap();
                let layout = Layout::from_size_align(size, 1 << align).unwrap();
                // SAFETY: no size is zero, each block is used within its layout and freed once.
                unsafe {
                    held[place] = match held[place].take() {
                        None => {
                            let block = match what {
                                0 => recycling.alloc_zeroed(layout),
                                _ => recycling.alloc(layout),
                            };
                            if what == 0 {
                                prop_assert!((0..size).all(|at| block.add(at).read() == 0));
                            }
                            prop_assert_eq!(block.addr() % layout.align(), 0);
                            block.write_bytes(mark, size);
                            Some((block, layout, mark))
                        }
                        Some((block, before, mark)) if what == 1 => {
                            let block = recycling.realloc(block, before, size);
                            let kept = before.size().min(size);
                            prop_assert!((0..kept).all(|at| block.add(at).read() == mark));
                            block.write_bytes(mark, size);
                            let layout = Layout::from_size_align(size, before.align()).unwrap();
                            Some((block, layout, mark))
                        }
                        Some((block, layout, mark)) => {
                            prop_assert!((0..layout.size()).all(|at| block.add(at).read() == mark));
                            recycling.dealloc(block, layout);
                            None
                        }
                    };
                }
            }
        }
    }
}
