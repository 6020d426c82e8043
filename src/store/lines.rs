//! Rendered text, family by family.

use std::sync::Arc;

/// The sample lines of one job, rendered once per poll: a scrape copies them. The store does not
/// know what is in them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// The lines of one family after another, each behind its [`Length`]. A scrape goes through
    /// the jobs once per family, so what it reads of a job lies together.
    block: Arc<[u8]>,
}

/// How many bytes the lines of a family have.
type Length = u32;

impl Lines {
    /// Collects what `write` appends for each of `n_families` families.
    pub fn collect(n_families: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Lines {
        let mut block = Vec::with_capacity(4 * 1024);
        for family in 0..n_families {
            let at = block.len();
            let start = at + size_of::<Length>();
            block.resize(start, 0);
            write(family, &mut block);
            let length = Length::try_from(block.len() - start);
            let length = length.expect("the lines of one job are far below 4 GiB");
            block[at..start].copy_from_slice(&length.to_ne_bytes());
        }
        Lines {
            block: block.into(),
        }
    }

    /// Reads the families in their order.
    pub fn reader(&self) -> LinesReader {
        LinesReader {
            block: Arc::clone(&self.block),
            at: 0,
        }
    }
}

/// The families of a job that were not read yet.
#[derive(Debug)]
pub struct LinesReader {
    block: Arc<[u8]>,
    at: usize,
}

impl LinesReader {
    /// The lines of the next family; empty if it has none, and after the last one.
    pub fn next_family(&mut self) -> &[u8] {
        let rest = &self.block[self.at..];
        let Some((length, rest)) = rest.split_first_chunk() else {
            return &[];
        };
        let length = Length::from_ne_bytes(*length) as usize;
        self.at += size_of::<Length>() + length;
        &rest[..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_read_in_the_order_in_which_they_were_written() {
        let texts: [&[u8]; 4] = [b"a 1\n", b"", b"c 3\nc 4\n", b""];
        let lines = Lines::collect(texts.len(), |index, out| {
            out.extend_from_slice(texts[index]);
        });
        for _ in 0..2 {
            let mut reader = lines.reader();
            for text in texts {
                assert_eq!(reader.next_family(), text);
            }
            assert_eq!(reader.next_family(), b"");
        }
    }

    #[test]
    fn a_job_that_was_never_rendered_has_no_lines() {
        assert_eq!(Lines::default().reader().next_family(), b"");
    }
}
