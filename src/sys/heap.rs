//! The heap of a program that is linked to musl: small blocks that were freed are kept for whoever
//! asks next.
//!
//! musl's allocator is made to be small and hard to corrupt. A block and its end cost it 230 to 340 ns
//! where glibc takes 40, and a line that is drawn is some hundreds of blocks: kept ones are a tenth of
//! that. What is not small, or kept in plenty already, is musl's affair as before, and so is everything
//! while another thread is in here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sizes are rounded up to this; every block is aligned to it, as musl's are.
const STEP: usize = 16;
/// So many sizes are a step apart: up to two kilobytes.
const FINE: usize = 128;
/// And so many twice the one before: up to sixteen. Beyond that nothing is small.
const CLASSES: usize = FINE + 3;
/// The most bytes that are kept of one size, but for the largest, of which two are.
const KEPT: usize = 8 * 1024;

/// Free blocks of one size: each begins with the address of the next.
#[derive(Clone, Copy)]
struct Free {
    first: *mut u8,
    count: usize,
}

/// Kept blocks before the system's allocator.
pub struct Heap {
    busy: AtomicBool,
    free: UnsafeCell<[Free; CLASSES]>,
}

// What is inside is touched only by the one who has set `busy`.
unsafe impl Sync for Heap {}

/// Which size a layout is of; `None`: not small.
fn class(layout: Layout) -> Option<usize> {
    let size = layout.size();
    let fine = size.wrapping_sub(1) / STEP;
    let class = match fine < FINE {
        true => fine,
        false => FINE + (size - 1).checked_div(FINE * STEP)?.ilog2() as usize,
    };
    (class < CLASSES && layout.align() <= STEP).then_some(class)
}

/// The bytes of a block.
fn bytes(class: usize) -> usize {
    match class.checked_sub(FINE) {
        None => (class + 1) * STEP,
        Some(coarse) => (2 * FINE * STEP) << coarse,
    }
}

/// What the system is asked for.
fn rounded(class: usize) -> Layout {
    // A power of two and a small size: never refused.
    unsafe { Layout::from_size_align_unchecked(bytes(class), STEP) }
}

impl Heap {
    pub const fn new() -> Heap {
        let free = UnsafeCell::new([Free { first: null_mut(), count: 0 }; CLASSES]);
        Heap { busy: AtomicBool::new(false), free }
    }

    /// Does something with the free blocks of a size, unless another thread does.
    fn with<T>(&self, class: usize, act: impl FnOnce(&mut Free) -> Option<T>) -> Option<T> {
        if self.busy.swap(true, Ordering::Acquire) {
            return None;
        }
        // We have set it and nobody else has: this is the only reference.
        let done = act(unsafe { &mut (*self.free.get())[class] });
        self.busy.store(false, Ordering::Release);
        done
    }
}

// Each in one place: inlined wherever something is made, they were a ninth of the program.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else { return unsafe { System.alloc(layout) } };
        let kept = self.with(class, |free| {
            let first = free.first;
            if first.is_null() {
                return None;
            }
            // A kept block begins with the next one's address.
            free.first = unsafe { first.cast::<*mut u8>().read() };
            free.count -= 1;
            Some(first)
        });
        kept.unwrap_or_else(|| unsafe { System.alloc(rounded(class)) })
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else { return unsafe { System.dealloc(block, layout) } };
        let kept = self.with(class, |free| {
            if free.count >= (KEPT / bytes(class)).max(2) {
                return None;
            }
            // It is at least STEP bytes long and aligned to them, and nobody's any more.
            unsafe { block.cast::<*mut u8>().write(free.first) };
            (free.first, free.count) = (block, free.count + 1);
            Some(())
        });
        if kept.is_none() {
            unsafe { System.dealloc(block, rounded(class)) };
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class(layout).is_none() {
            // Fresh pages are zero already.
            return unsafe { System.alloc_zeroed(layout) };
        }
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The caller vouches that the size is a good one for this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(new)) {
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (Some(before), Some(after)) if before == after => block,
            _ => {
                let moved = unsafe { self.alloc(new) };
                if !moved.is_null() {
                    unsafe { block.copy_to_nonoverlapping(moved, layout.size().min(size)) };
                    unsafe { self.dealloc(block, layout) };
                }
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    #[test]
    fn a_block_is_as_long_as_it_is_asked_to_be() {
        for size in (1..17_000).chain([1 << 20, isize::MAX as usize - 15]) {
            let class = class(layout(size));
            assert_eq!(class.is_some(), size <= 16 * 1024, "{size}");
            let Some(class) = class else { continue };
            assert!(size <= bytes(class) && (class == 0 || size > bytes(class - 1)), "{size}");
        }
    }

    #[test]
    fn a_freed_block_is_the_next_one_of_its_size() {
        let heap = Heap::new();
        unsafe {
            let first = heap.alloc(layout(20));
            heap.dealloc(first, layout(20));
            let other = heap.alloc(layout(40));
            assert_ne!(other, first);
            assert_eq!(heap.alloc(layout(32)), first);
            heap.dealloc(first, layout(32));
            heap.dealloc(other, layout(40));
        }
    }

    /// Random blocks grow, shrink and end, and each keeps what was written into it.
    #[test]
    fn every_block_keeps_its_bytes() {
        let heap = Heap::new();
        let mut blocks: Vec<(*mut u8, usize, u8)> = Vec::new();
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let whole = |(block, size, mark): (*mut u8, usize, u8)| unsafe {
            (0..size).all(|at| block.add(at).read() == mark)
        };
        for round in 0..20_000 {
            let size = 1 + next(20_000) as usize;
            match next(4) {
                0 | 1 => unsafe {
                    let block = heap.alloc_zeroed(layout(size));
                    assert!(!block.is_null() && whole((block, size, 0)));
                    block.write_bytes(round as u8, size);
                    blocks.push((block, size, round as u8));
                },
                2 if !blocks.is_empty() => {
                    let at = next(blocks.len() as u64) as usize;
                    let (block, before, mark) = blocks[at];
                    let moved = unsafe { heap.realloc(block, layout(before), size) };
                    assert!(whole((moved, before.min(size), mark)));
                    unsafe { moved.write_bytes(mark, size) };
                    blocks[at] = (moved, size, mark);
                }
                _ if !blocks.is_empty() => {
                    let at = next(blocks.len() as u64) as usize;
                    let block = blocks.swap_remove(at);
                    assert!(whole(block));
                    unsafe { heap.dealloc(block.0, layout(block.1)) };
                }
                _ => {}
            }
        }
        assert!(blocks.iter().all(|block| whole(*block)));
        blocks.iter().for_each(|block| unsafe { heap.dealloc(block.0, layout(block.1)) });
    }

    #[test]
    fn threads_do_not_meet_in_it() {
        static HEAP: Heap = Heap::new();
        let work = |mark: u8| {
            move || {
                for _ in 0..20_000 {
                    unsafe {
                        let block = HEAP.alloc(layout(64));
                        block.write_bytes(mark, 64);
                        assert!((0..64).all(|at| block.add(at).read() == mark));
                        HEAP.dealloc(block, layout(64));
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|mark| drop(scope.spawn(work(mark)))));
    }
}
