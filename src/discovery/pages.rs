//! Pages → a complete list, or why they are none.

use std::collections::HashSet;

/// One answer to a paged request.
#[derive(Clone, Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// How many items all pages have, as this page says.
    pub(super) total: u64,
}

/// Items of a page at most. Offsets must be multiples of it.
pub(super) const PAGE_SIZE: u64 = 50;

/// More items than any organization has.
const MAX_ITEMS: u64 = 100_000;

/// The pages do not fit together: the list changed while it was read, or the API is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IncompleteList {
    #[error("the total changed from {0} to {1} while the pages were read")]
    TotalChanged(u64, u64),
    #[error("the pages have {items} different items, but the total is {total}")]
    Missing { items: u64, total: u64 },
    #[error("the total of {0} is above 100000")]
    TooLong(u64),
}

/// Collects the pages of one list.
#[derive(Debug)]
pub(super) struct PageCollector<T> {
    pages: Vec<Page<T>>,
}

impl<T> Default for PageCollector<T> {
    fn default() -> PageCollector<T> {
        PageCollector { pages: Vec::new() }
    }
}

impl<T> PageCollector<T> {
    /// The offset of the next page; `None` if there is none left.
    pub(super) fn next_offset(&self) -> Option<u64> {
        let offset = self.pages.len() as u64 * PAGE_SIZE;
        match self.pages.first() {
            None => Some(0),
            Some(first) if offset < first.total => Some(offset),
            Some(_) => None,
        }
    }

    /// Adds the next page. Fails as soon as the list cannot become complete.
    pub(super) fn add(&mut self, page: Page<T>) -> Result<(), IncompleteList> {
        let total = page.total;
        if total > MAX_ITEMS {
            return Err(IncompleteList::TooLong(total));
        }
        if let Some(first) = self.pages.first()
            && first.total != total
        {
            return Err(IncompleteList::TotalChanged(first.total, total));
        }
        let is_empty = page.items.is_empty();
        self.pages.push(page);
        // Further pages would most likely be empty, too.
        if is_empty && total > 0 {
            let items = self.pages.iter().map(|page| page.items.len() as u64).sum();
            return Err(IncompleteList::Missing { items, total });
        }
        Ok(())
    }

    pub(super) fn n_pages(&self) -> usize {
        self.pages.len()
    }

    /// The items, if all pages together have as many different ones as each page says. Items with
    /// the same key are one: an item may move to another page while the pages are read.
    pub(super) fn complete(self, key: fn(&T) -> u64) -> Result<Vec<T>, IncompleteList> {
        let total = match self.pages.first() {
            Some(first) => first.total,
            None => 0,
        };
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        for page in self.pages {
            for item in page.items {
                if seen.insert(key(&item)) {
                    items.push(item);
                }
            }
        }
        if items.len() as u64 == total {
            return Ok(items);
        }
        Err(IncompleteList::Missing {
            items: items.len() as u64,
            total,
        })
    }
}
