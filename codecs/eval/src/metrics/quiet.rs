//! Panics of other people's code, caught without a word on standard error.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns; `None` if it panics. The process's panic hook is not told of it, but of panics elsewhere as before.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                previous(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn only_panics_that_nobody_catches_here_are_heard() {
        static HEARD: AtomicU32 = AtomicU32::new(0);
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            HEARD.fetch_add(1, Ordering::Relaxed);
            previous(panic);
        }));
        assert_eq!(caught(|| 3), Some(3));
        assert_eq!(
            caught(|| if HEARD.load(Ordering::Relaxed) == 0 {
                panic!("quiet")
            }),
            None
        );
        assert_eq!(HEARD.load(Ordering::Relaxed), 0);
        assert!(catch_unwind(|| panic!("aloud")).is_err());
        assert_eq!(HEARD.load(Ordering::Relaxed), 1);
    }
}
