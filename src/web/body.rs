//! Bodies of answers: a whole one, or the pages of an exposition, made and compressed as they are sent.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::exposition::Pages;

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    /// Given back when the last page is sent or the client is gone.
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Kind {
    Whole(Bytes),
    Plain(Pages),
    Gzip(Box<Gzip>),
}

impl Body {
    pub(super) fn empty() -> Body {
        Body::whole(Bytes::new())
    }

    pub(super) fn whole(bytes: Bytes) -> Body {
        Body {
            kind: Kind::Whole(bytes),
            _permit: None,
        }
    }

    pub(super) fn pages(pages: Pages, is_gzip: bool, permit: OwnedSemaphorePermit) -> Body {
        let kind = if is_gzip {
            Kind::Gzip(Box::new(Gzip::new(pages)))
        } else {
            Kind::Plain(pages)
        };
        Body {
            kind,
            _permit: Some(permit),
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        match &mut self.kind {
            Kind::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Kind::Plain(pages) => pages.next().map(Bytes::from),
            Kind::Gzip(gzip) => gzip.next().map(Bytes::from),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Plain(..) | Kind::Gzip(..) => SizeHint::default(),
        }
    }
}

/// Pages, compressed. Level 1: compression is most of what a scrape costs, and higher levels save little.
#[derive(Debug)]
struct Gzip {
    pages: Pages,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Gzip {
    fn new(pages: Pages) -> Gzip {
        Gzip {
            pages,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }

    /// The next compressed bytes, as soon as there are some.
    fn next(&mut self) -> Option<Vec<u8>> {
        let encoder = self.encoder.as_mut()?;
        for page in self.pages.by_ref() {
            encoder.write_all(&page).expect("a vector takes everything");
            if !encoder.get_ref().is_empty() {
                return Some(std::mem::take(encoder.get_mut()));
            }
        }
        self.encoder
            .take()
            .map(|encoder| encoder.finish().expect("a vector takes everything"))
    }
}
