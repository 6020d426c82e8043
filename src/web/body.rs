//! Response bodies: complete, or the pages of a scrape, rendered and compressed as they are sent.

use std::{
    convert::Infallible,
    io::Write as _,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::renderer::{PageBuffers, Renderer};
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
    Pages(RenderedPages),
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

    pub(super) fn scrape(
        begun: BegunScrape,
        renderer: Arc<Renderer>,
        permit: OwnedSemaphorePermit,
    ) -> ResponseBody {
        let source = match begun.rest {
            None => BodySource::Complete(begun.first),
            Some(rest) => BodySource::Pages(RenderedPages {
                renderer,
                state: RenderState::Rendered(begun.first, rest),
            }),
        };
        ResponseBody {
            source,
            _permit: Some(permit),
        }
    }
}

/// A scrape whose first chunk was rendered.
#[derive(Debug)]
pub(super) struct BegunScrape {
    first: Bytes,
    /// None if the first chunk is all: the response then has a length.
    rest: Option<PageEncoding>,
}

impl BegunScrape {
    pub(super) fn new(pages: Pages, is_gzip: bool, buffers: &Arc<PageBuffers>) -> BegunScrape {
        let mut rest = if is_gzip {
            PageEncoding::Gzip(Box::new(GzipPages::new(pages, buffers)))
        } else {
            PageEncoding::Plain(Box::new(pages))
        };
        let first = rest.next_chunk(buffers).unwrap_or_default();
        BegunScrape {
            first,
            rest: (!rest.is_finished()).then_some(rest),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match &mut self.source {
            BodySource::Complete(bytes) if bytes.is_empty() => None,
            BodySource::Complete(bytes) => Some(mem::take(bytes)),
            // The next page is rendered once hyper has room for it, so that a client that does not
            // read costs nothing.
            BodySource::Pages(pages) => ready!(pages.poll_next(context)),
        };
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.source, BodySource::Complete(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            BodySource::Complete(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodySource::Pages(_) => SizeHint::default(),
        }
    }
}

/// Pages that are rendered by the threads of [`Renderer`], one chunk at a time: many scrapes take
/// turns.
#[derive(Debug)]
struct RenderedPages {
    renderer: Arc<Renderer>,
    state: RenderState,
}

#[derive(Debug)]
enum RenderState {
    /// This chunk can be sent.
    Rendered(Bytes, PageEncoding),
    /// For room to send the next chunk.
    Waiting(PageEncoding),
    /// A thread has the pages, and returns them with the next chunk.
    Rendering(oneshot::Receiver<(PageEncoding, Option<Bytes>)>),
    Done,
}

impl RenderedPages {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // Taken out, since the pages move into the work of a thread.
        let mut rendering = match mem::replace(&mut self.state, RenderState::Done) {
            RenderState::Done => return Poll::Ready(None),
            RenderState::Rendered(chunk, pages) => {
                self.state = RenderState::Waiting(pages);
                return Poll::Ready(Some(chunk));
            }
            RenderState::Waiting(pages) => self.render(pages),
            RenderState::Rendering(rendering) => rendering,
        };
        match Pin::new(&mut rendering).poll(context) {
            Poll::Pending => {
                self.state = RenderState::Rendering(rendering);
                Poll::Pending
            }
            Poll::Ready(rendered) => {
                let (pages, chunk) = rendered.expect("a panic ends the process");
                if chunk.is_some() {
                    self.state = RenderState::Waiting(pages);
                }
                Poll::Ready(chunk)
            }
        }
    }

    fn render(&self, mut pages: PageEncoding) -> oneshot::Receiver<(PageEncoding, Option<Bytes>)> {
        let (sender, receiver) = oneshot::channel();
        let buffers = Arc::clone(self.renderer.buffers());
        let work = Box::new(move || {
            let chunk = pages.next_chunk(&buffers);
            // Fails if the client has disconnected.
            let _ = sender.send((pages, chunk));
        });
        // Without a single thread, scrapes are still answered.
        if let Err(work) = self.renderer.pool().submit(work) {
            work();
        }
        receiver
    }
}

#[derive(Debug)]
enum PageEncoding {
    Plain(Box<Pages>),
    Gzip(Box<GzipPages>),
}

impl PageEncoding {
    fn is_finished(&self) -> bool {
        match self {
            PageEncoding::Plain(pages) => pages.is_finished(),
            PageEncoding::Gzip(pages) => pages.encoder.is_none(),
        }
    }

    fn next_chunk(&mut self, buffers: &Arc<PageBuffers>) -> Option<Bytes> {
        match self {
            PageEncoding::Plain(pages) => {
                let mut page = buffers.take();
                if pages.fill(&mut page) {
                    return Some(buffers.bytes(page));
                }
                buffers.give_back(page);
                None
            }
            PageEncoding::Gzip(pages) => pages.next_chunk(buffers),
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
    fn new(pages: Pages, buffers: &PageBuffers) -> GzipPages {
        GzipPages {
            pages,
            encoder: Some(GzEncoder::new(buffers.take(), Compression::fast())),
        }
    }

    fn next_chunk(&mut self, buffers: &Arc<PageBuffers>) -> Option<Bytes> {
        let mut encoder = self.encoder.take()?;
        let mut page = buffers.take();
        let mut has_page = true;
        // The encoder buffers, so several pages may give no output. The header of gzip alone is not
        // worth a chunk.
        while has_page && encoder.get_ref().len() <= GZIP_HEADER {
            has_page = self.pages.fill(&mut page);
            encoder
                .write_all(&page)
                .expect("writing to a vector succeeds");
        }
        buffers.give_back(page);
        if has_page {
            let chunk = mem::replace(encoder.get_mut(), buffers.take());
            self.encoder = Some(encoder);
            return Some(buffers.bytes(chunk));
        }
        let chunk = encoder.finish().expect("writing to a vector succeeds");
        Some(buffers.bytes(chunk))
    }
}

/// Bytes of the header that starts the output of gzip.
const GZIP_HEADER: usize = 10;
