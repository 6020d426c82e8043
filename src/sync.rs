//! Mutexes.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also if it is poisoned: a panic ends the process anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
