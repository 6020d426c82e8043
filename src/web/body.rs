//! Response bodies: complete, or the pages of a scrape, rendered and compressed as they are sent.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::exposition::Pages;

#[derive(Debug)]
pub struct ResponseBody {
    source: BodySource,
    /// Released when the last page is sent or the client disconnects.
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum BodySource {
    Complete(Bytes),
    Plain(Pages),
    Gzip(Box<GzipPages>),
}

impl ResponseBody {
    pub(super) fn empty() -> ResponseBody {
        ResponseBody::complete(Bytes::new())
    }

    pub(super) fn complete(bytes: Bytes) -> ResponseBody {
        ResponseBody {
            source: BodySource::Complete(bytes),
            _permit: None,
        }
    }

    pub(super) fn pages(pages: Pages, is_gzip: bool, permit: OwnedSemaphorePermit) -> ResponseBody {
        let source = if is_gzip {
            BodySource::Gzip(Box::new(GzipPages::new(pages)))
        } else {
            BodySource::Plain(pages)
        };
        ResponseBody {
            source,
            _permit: Some(permit),
        }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        match &mut self.source {
            BodySource::Complete(bytes) if bytes.is_empty() => None,
            BodySource::Complete(bytes) => Some(std::mem::take(bytes)),
            BodySource::Plain(pages) => Some(Bytes::from(pages.next()?)),
            BodySource::Gzip(pages) => Some(Bytes::from(pages.next_chunk()?)),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Never pending: the next page is rendered here, once hyper has room for it.
        match self.next_chunk() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.source, BodySource::Complete(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            BodySource::Complete(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodySource::Plain(_) | BodySource::Gzip(_) => SizeHint::default(),
        }
    }
}

/// Pages, compressed at level 1: compression is most of the cost of a scrape, and higher levels
/// save few bytes.
#[derive(Debug)]
struct GzipPages {
    pages: Pages,
    /// None once the gzip trailer was returned.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl GzipPages {
    fn new(pages: Pages) -> GzipPages {
        GzipPages {
            pages,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }

    fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let mut encoder = self.encoder.take()?;
        for page in self.pages.by_ref() {
            encoder
                .write_all(&page)
                .expect("writing to a vector succeeds");
            // The encoder buffers, so several pages may give no output.
            if !encoder.get_ref().is_empty() {
                let chunk = std::mem::take(encoder.get_mut());
                self.encoder = Some(encoder);
                return Some(chunk);
            }
        }
        Some(encoder.finish().expect("writing to a vector succeeds"))
    }
}
