//! Threads for work that takes long, apart from those of the runtime.
//!
//! The runtime's threads must stay free for polls, and its own pool for blocking work is shared by
//! name look-ups, which may hang. So each kind of work has a pool of its own.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::sync::lock;

/// A piece of work that returns nothing.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Up to a fixed number of threads, which are started when they are needed. Work is done in the
/// order in which it came. The threads end once the pool was dropped and all of it is done.
pub(crate) struct WorkerPool {
    name: &'static str,
    max_threads: usize,
    shared: Arc<SharedQueue>,
}

#[derive(Default)]
struct SharedQueue {
    state: Mutex<WorkQueue>,
    changed: Condvar,
}

#[derive(Default)]
struct WorkQueue {
    work: VecDeque<Work>,
    n_threads: usize,
    n_idle: usize,
    is_closed: bool,
}

impl WorkerPool {
    pub(crate) fn new(name: &'static str, max_threads: usize) -> WorkerPool {
        WorkerPool {
            name,
            max_threads,
            shared: Arc::default(),
        }
    }

    /// Does `work` on a thread of the pool; here if not a single thread can be started.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move || {
            // Fails if the caller has stopped waiting for the result.
            let _ = sender.send(work());
        });
        if let Err(work) = self.submit(work) {
            work();
        }
        receiver.await.expect("a panic ends the process")
    }

    /// Queues `work`. Returns it if not a single thread can be started.
    pub(crate) fn submit(&self, work: Work) -> Result<(), Work> {
        let mut state = self.shared.lock();
        state.work.push_back(work);
        // A thread that was notified still counts as idle until it has woken, so all waiting work
        // is compared with the idle threads, not only this one.
        if state.n_idle < state.work.len() && state.n_threads < self.max_threads {
            match self.start_thread() {
                Ok(()) => state.n_threads += 1,
                // The threads that there are do the work later.
                Err(_) if state.n_threads > 0 => {}
                Err(error) => {
                    tracing::warn!(pool = self.name, %error, "cannot start a thread");
                    return state.work.pop_back().map_or(Ok(()), Err);
                }
            }
        }
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    fn start_thread(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new()
            .name(self.name.into())
            .spawn(move || shared.serve())?;
        Ok(())
    }
}

impl SharedQueue {
    fn lock(&self) -> MutexGuard<'_, WorkQueue> {
        lock(&self.state)
    }

    /// What each thread does.
    fn serve(&self) {
        while let Some(work) = self.next() {
            work();
        }
    }

    /// Waits for work. None once the pool is closed and nothing is left to do.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.work.pop_front() {
                return Some(work);
            }
            if state.is_closed {
                return None;
            }
            state.n_idle += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.n_idle -= 1;
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerPool({})", self.name)
    }
}

/// Waits until `files` were read, for as long as their file system hangs: another read would hang,
/// too, and take one more thread. Says so once it has taken longer than `time`.
pub(crate) async fn wait_for_files<T>(
    files: &str,
    time: Duration,
    reading: impl Future<Output = T>,
) -> T {
    let mut reading = pin!(reading);
    if let Ok(result) = timeout(time, &mut reading).await {
        return result;
    }
    let seconds = time.as_secs();
    tracing::error!(
        "{files} could not be read within {seconds} s, changes are not noticed until they can"
    );
    let result = reading.await;
    tracing::info!("{files} can be read again");
    result
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    };

    use tokio::{task::JoinSet, time::sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_at_files_that_hung_is_not_the_last_one() {
        let time = Duration::from_secs(15);
        let reading = async {
            sleep(time * 2).await;
            7
        };
        assert_eq!(wait_for_files("the files", time, reading).await, 7);
    }

    #[tokio::test]
    async fn work_is_done_on_at_most_the_given_number_of_threads() {
        let pool = Arc::new(WorkerPool::new("test", 2));
        let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for n in 0..50 {
            let (pool, running) = (Arc::clone(&pool), Arc::clone(&running));
            tasks.spawn(async move {
                pool.run(move || {
                    let now = running.0.fetch_add(1, SeqCst) + 1;
                    running.1.fetch_max(now, SeqCst);
                    thread::yield_now();
                    running.0.fetch_sub(1, SeqCst);
                    n
                })
                .await
            });
        }
        let mut results = tasks.join_all().await;
        results.sort_unstable();
        assert_eq!(results, (0..50).collect::<Vec<_>>());
        assert!((1..=2).contains(&running.1.load(SeqCst)));
        assert!(pool.shared.lock().n_threads <= 2);
    }

    #[tokio::test]
    async fn work_that_hangs_does_not_delay_another_thread() {
        let pool = WorkerPool::new("test", 2);
        let (release, hold) = mpsc::channel::<()>();
        let hang = Box::new(move || {
            let _ = hold.recv();
        });
        assert!(pool.submit(hang).is_ok());
        assert_eq!(pool.run(|| 7).await, 7);
        drop(release);
    }

    #[tokio::test]
    async fn the_threads_end_with_the_pool() {
        let pool = WorkerPool::new("test", 1);
        pool.run(|| ()).await;
        let shared = Arc::downgrade(&pool.shared);
        drop(pool);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
