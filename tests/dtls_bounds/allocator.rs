//! The allocator of this test: it counts what a thread holds, and looks into what is freed.
//!
//! Each thread counts for itself, so tests may run side by side. What C code allocates it does not see.

#![expect(unsafe_code, reason = "an allocator is unsafe by its nature, and what is freed must be read byte by byte")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

/// Bytes of a secret by which it is recognised.
pub const NEEDLE: usize = 16;

/// Most of them at a time.
const NEEDLES: usize = 32;

struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
    static SEARCH: RefCell<Search> = const { RefCell::new(Search::NONE) };
    static IS_WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// What must not be left behind in freed memory, and what was.
struct Search {
    needles: [([u8; NEEDLE], &'static str); NEEDLES],
    count: usize,
    found: [Option<(&'static str, usize)>; NEEDLES],
    finds: usize,
}

impl Search {
    const NONE: Search = Search { needles: [([0; NEEDLE], ""); NEEDLES], count: 0, found: [None; NEEDLES], finds: 0 };

    fn look(&mut self, block: *const u8, size: usize) {
        let mut window = [0_u8; NEEDLE];
        for position in 0..size {
            window.rotate_left(1);
            // SAFETY: within the block, which nobody but its owner, who is freeing it, has. It may be uninitialised,
            // which is what is looked for: whatever the last owner left.
            window[NEEDLE - 1] = unsafe { block.add(position).read_volatile() };
            if position + 1 < NEEDLE {
                continue;
            }
            for (needle, name) in &self.needles[..self.count] {
                if *needle == window && self.finds < NEEDLES {
                    self.found[self.finds] = Some((name, size));
                    self.finds += 1;
                }
            }
        }
    }
}

/// What a block costs: glibc rounds up to 16 bytes after adding a word of its own, and gives no less than 32.
fn cost(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: all that is asked for comes from the system's allocator. `realloc` is the default one, which goes
// through `alloc` and `dealloc`, so that what it leaves behind is seen too.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(cost(layout)));
        MOST.set(MOST.get().max(HELD.get()));
        // What somebody else has left in a block, the client above all, is not to be laid at the next owner's door.
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(cost(layout)));
        if IS_WATCHING.get() {
            SEARCH.with_borrow_mut(|search| search.look(block, layout.size()));
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Bytes that this thread holds, as the system counts them. What another thread allocated or will free is a small
/// disturbance: the tests pass nothing between threads.
pub fn held() -> usize {
    HELD.get()
}

/// The most that this thread held while `work` ran, beyond what it held before.
pub fn most_during(work: impl FnOnce()) -> usize {
    let before = held();
    MOST.set(before);
    work();
    MOST.get() - before
}

/// From now on these are searched for in what [`watch`] sees freed. Each secret has to have [`NEEDLE`] bytes or more; every
/// whole [`NEEDLE`] of it counts, so that a part is found as well.
pub fn search_for(secrets: &[(&'static str, &[u8])]) {
    SEARCH.with_borrow_mut(|search| {
        *search = Search::NONE;
        for (name, secret) in secrets {
            for part in secret.chunks_exact(NEEDLE) {
                search.needles[search.count] = (part.try_into().expect("whole"), name);
                search.count += 1;
            }
        }
    });
}

/// Whatever is freed while `work` runs is searched.
pub fn watch<T>(work: impl FnOnce() -> T) -> T {
    IS_WATCHING.set(true);
    let result = work();
    IS_WATCHING.set(false);
    result
}

/// Which secrets were found, and in blocks of how many bytes.
pub fn found() -> Vec<(&'static str, usize)> {
    SEARCH.with_borrow(|search| search.found).into_iter().flatten().collect()
}
