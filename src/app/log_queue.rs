//! Writes the log on its own thread, so that a blocked stderr does not block anything else.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use crate::telemetry::LOG_LINES_DROPPED;

/// How many bytes may wait to be written. Further lines are dropped and counted.
const MAX_WAITING: usize = 1 << 20;

/// Takes lines and never blocks.
#[derive(Clone, Debug)]
pub(super) struct LogQueue {
    messages: Sender<Message>,
    n_waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Requests a notification when everything before it is written.
    Flush(Sender<()>),
}

impl LogQueue {
    /// Starts the thread that writes to `output`.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<LogQueue> {
        let (messages, queue) = mpsc::channel();
        let n_waiting = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&n_waiting);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write(&queue, output, &counter))?;
        Ok(LogQueue {
            messages,
            n_waiting,
        })
    }

    /// Waits at most `timeout` until everything logged so far is written.
    pub(super) fn flush(&self, timeout: Duration) {
        let (written, is_written) = mpsc::channel();
        if self.messages.send(Message::Flush(written)).is_ok() {
            let _ = is_written.recv_timeout(timeout);
        }
    }
}

fn write(queue: &Receiver<Message>, mut output: impl Write, n_waiting: &AtomicUsize) {
    for message in queue {
        match message {
            Message::Line(line) => {
                // For example on a full disk. Reporting it on the same stream would fail too.
                if output.write_all(&line).is_err() {
                    LOG_LINES_DROPPED.inc();
                }
                n_waiting.fetch_sub(line.len(), SeqCst);
            }
            Message::Flush(written) => drop(written.send(())),
        }
    }
}

/// Each call writes one line.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Reserved before sending: several threads log at once, and none may pass a check that
        // another one is about to invalidate.
        let n_waiting = self.n_waiting.fetch_add(line.len(), SeqCst) + line.len();
        if n_waiting > MAX_WAITING || self.messages.send(Message::Line(line.to_vec())).is_err() {
            self.n_waiting.fetch_sub(line.len(), SeqCst);
            LOG_LINES_DROPPED.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Writes only while the test lets it.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_is_not_read_blocks_no_task_and_has_bounded_size() {
        let paper = Paper::default();
        let mut queue = LogQueue::start(paper.clone()).unwrap();
        let held = paper.0.lock().unwrap();
        let line = [b'a'; 1024];
        let before = LOG_LINES_DROPPED.get();
        for _ in 0..3 * MAX_WAITING / line.len() {
            queue.write_all(&line).unwrap();
        }
        queue.flush(Duration::from_millis(10));
        let n_dropped = usize::try_from(LOG_LINES_DROPPED.get() - before).unwrap();
        assert_eq!(n_dropped, 2 * MAX_WAITING / line.len());

        drop(held);
        queue.flush(Duration::from_mins(1));
        queue.write_all(b"the last line").unwrap();
        queue.flush(Duration::from_mins(1));
        let written = paper.0.lock().unwrap();
        assert_eq!(written.len(), MAX_WAITING + b"the last line".len());
        assert!(written.ends_with(b"the last line"));
    }
}
