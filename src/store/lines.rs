//! Rendered text, family by family.

/// The sample lines of one job, rendered once per poll: a scrape copies them. The store does not
/// know what is in them.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: Box<[u8]>,
    /// Where the lines of each family end.
    ends: Box<[u32]>,
}

impl Lines {
    /// Collects what `write` appends for each of `n_families` families.
    pub fn collect(n_families: usize, mut write: impl FnMut(usize, &mut Vec<u8>)) -> Lines {
        let mut text = Vec::with_capacity(4 * 1024);
        let mut ends = Vec::with_capacity(n_families);
        for family in 0..n_families {
            write(family, &mut text);
            ends.push(u32::try_from(text.len()).expect("the lines of one job are far below 4 GiB"));
        }
        Lines {
            text: text.into(),
            ends: ends.into(),
        }
    }

    /// The lines of one family; empty if it has none.
    pub fn family(&self, index: usize) -> &[u8] {
        let Some(&end) = self.ends.get(index) else {
            return &[];
        };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..end as usize]
    }
}
