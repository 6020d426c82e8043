//! Renders and compresses pages on threads of its own, so that scrapes do not delay polls.

use std::{
    sync::{Arc, Mutex},
    thread::available_parallelism,
};

use bytes::Bytes;

use crate::{exposition::PAGE_CAPACITY, sync::lock, workers::WorkerPool};

/// Rendering takes at most half of the CPUs, and no more than this.
const MAX_THREADS: usize = 4;
/// Buffers that are kept for the next page: 4 MiB.
const MAX_FREE: usize = 16;

/// The threads, and the buffers of pages, which are reused: a scrape of ten thousand accounts fills
/// hundreds.
#[derive(Debug)]
pub struct Renderer {
    pool: WorkerPool,
    buffers: Arc<PageBuffers>,
}

impl Default for Renderer {
    fn default() -> Renderer {
        let n_cpus = match available_parallelism() {
            Ok(n_cpus) => n_cpus.get(),
            Err(_) => 1,
        };
        Renderer {
            pool: WorkerPool::new("render", (n_cpus / 2).clamp(1, MAX_THREADS)),
            buffers: Arc::default(),
        }
    }
}

impl Renderer {
    pub(super) fn pool(&self) -> &WorkerPool {
        &self.pool
    }

    pub(super) fn buffers(&self) -> &Arc<PageBuffers> {
        &self.buffers
    }
}

/// Buffers that hold no page at the moment.
#[derive(Debug, Default)]
pub(super) struct PageBuffers {
    free: Mutex<Vec<Vec<u8>>>,
}

impl PageBuffers {
    /// An empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        let mut free = lock(&self.free);
        match free.pop() {
            Some(buffer) => buffer,
            None => Vec::with_capacity(PAGE_CAPACITY),
        }
    }

    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut free = lock(&self.free);
        // A row can be larger than a page, and its buffer with it.
        if free.len() < MAX_FREE && buffer.capacity() <= 2 * PAGE_CAPACITY {
            free.push(buffer);
        }
    }

    /// The content of `buffer`, which comes back once it was sent.
    pub(super) fn bytes(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(LentBuffer {
            buffer,
            buffers: Arc::clone(self),
        })
    }
}

struct LentBuffer {
    buffer: Vec<u8>,
    buffers: Arc<PageBuffers>,
}

impl AsRef<[u8]> for LentBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for LentBuffer {
    fn drop(&mut self) {
        self.buffers.give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_bytes_were_sent() {
        let buffers = Arc::<PageBuffers>::default();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(b"abc");
        let place = buffer.as_ptr();
        let bytes = buffers.bytes(buffer);
        let clone = bytes.clone();
        assert_eq!(bytes, "abc");
        drop(bytes);
        assert!(buffers.free.lock().unwrap().is_empty());
        drop(clone);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn few_and_small_buffers_are_kept() {
        let buffers = PageBuffers::default();
        buffers.give_back(vec![0; 3 * PAGE_CAPACITY]);
        assert!(buffers.free.lock().unwrap().is_empty());
        for _ in 0..MAX_FREE + 10 {
            buffers.give_back(vec![0; PAGE_CAPACITY]);
        }
        assert_eq!(buffers.free.lock().unwrap().len(), MAX_FREE);
    }
}
