//! A connection that cannot be held open by doing nothing.
//!
//! hyper watches the headers of HTTP/1.1; what it does not watch is done here: a client that reads
//! nothing while there is something to read, and one that never sends its first bytes (an HTTP/2
//! preface over TLS).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Wraps a stream with the two deadlines.
pub(crate) struct Guarded<S> {
    inner: S,
    /// Bytes that were read already, read again first.
    ahead: Bytes,
    /// Bytes still awaited before the first deadline, and the deadline.
    first: Option<(usize, Pin<Box<Sleep>>)>,
    stall: Duration,
    /// Runs while a write is blocked.
    blocked: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// `first_bytes` must arrive within `first_within`; a write may be blocked for `stall`.
    pub(crate) fn new(inner: S, first_bytes: usize, first_within: Duration, stall: Duration) -> Self {
        let first = (first_bytes > 0).then(|| (first_bytes, Box::pin(sleep(first_within))));
        Self { inner, ahead: Bytes::new(), first, stall, blocked: None }
    }

    /// The same behind bytes that were read from it already.
    pub(crate) fn behind(self, ahead: Bytes) -> Self {
        Self { ahead, ..self }
    }

    fn check_stall<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.blocked = None;
            return polled;
        }
        let stall = self.stall;
        let timer = self.blocked.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let Some((awaited, deadline)) = &mut self.first else { return polled };
        if polled.is_ready() {
            *awaited = awaited.saturating_sub(buf.filled().len() - before);
            if *awaited == 0 {
                self.first = None;
            }
            return polled;
        }
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sends nothing")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.check_stall(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.check_stall(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.check_stall(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.check_stall(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_reads_nothing_ends_the_write() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut guarded = Guarded::new(ours, 0, Duration::ZERO, Duration::from_millis(20));
        let error = guarded.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_was_read_already_comes_first() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut guarded = Guarded::new(ours, 0, Duration::ZERO, Duration::from_secs(1))
            .behind(Bytes::from_static(b"before "));
        theirs.write_all(b"behind").await.unwrap();
        drop(theirs);
        let mut text = String::new();
        guarded.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "before behind");
    }

    #[tokio::test]
    async fn silence_ends_the_read_only_before_the_first_bytes() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut guarded = Guarded::new(ours, 2, Duration::from_hours(1), Duration::from_secs(1));
        theirs.write_all(b"ab").await.unwrap();
        let mut two = [0; 2];
        guarded.read_exact(&mut two).await.unwrap();
        assert!(guarded.first.is_none());

        let (ours, _theirs) = tokio::io::duplex(16);
        let mut guarded = Guarded::new(ours, 2, Duration::from_millis(20), Duration::from_secs(1));
        assert_eq!(guarded.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
