//! The first head of a connection, gathered before anything larger is made for it.
//!
//! hyper makes buffers of 16 KB for a connection before it has read a byte. Clients that say
//! nothing, or a letter now and then, would have thousands of them; here they have what they sent.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room at first; most heads are no longer.
const ROOM: usize = 512;
/// A longer head is left to hyper.
const MAX: usize = 4096;

/// Reads until a head is complete, or is not worth waiting for: it is long, or no HTTP. Empty when
/// the client has gone.
pub(super) async fn gather<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Bytes> {
    let mut head = BytesMut::new();
    loop {
        // Nothing is allocated before there is something to read.
        let mut first = [0; 64];
        let read = if head.is_empty() {
            let read = stream.read(&mut first).await?;
            head.reserve(ROOM);
            head.extend_from_slice(&first[..read]);
            read
        } else {
            stream.read_buf(&mut head).await?
        };
        let is_http = head.first().is_some_and(u8::is_ascii_alphabetic);
        if read == 0 || !is_http || head.len() >= MAX || is_complete(&head, read) {
            return Ok(head.freeze());
        }
    }
}

/// Whether there is an empty line, which ends or begins in the last `new` bytes. A line ends with
/// LF, with or without CR before it.
fn is_complete(head: &[u8], new: usize) -> bool {
    let tail = &head[head.len().saturating_sub(new + 3)..];
    tail.windows(2).any(|w| w == b"\n\n") || tail.windows(3).any(|w| w == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn gathered(parts: &[&[u8]]) -> Bytes {
        let (mut ours, mut theirs) = tokio::io::duplex(16);
        let parts: Vec<Vec<u8>> = parts.iter().map(|p| p.to_vec()).collect();
        tokio::spawn(async move {
            for part in parts {
                // The rest of what is not waited for finds nobody who reads.
                if theirs.write_all(&part).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        });
        gather(&mut ours).await.unwrap()
    }

    #[tokio::test]
    async fn a_head_is_complete_with_its_empty_line() {
        let text = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
        assert_eq!(gathered(&[text]).await, text.as_slice());
        for cut in 1..text.len() {
            let (one, two) = text.split_at(cut);
            assert_eq!(gathered(&[one, two]).await, text.as_slice(), "{cut}");
        }
        assert_eq!(
            gathered(&[b"GET / HTTP/1.0\nA: b\n", b"\n"]).await,
            b"GET / HTTP/1.0\nA: b\n\n".as_slice()
        );
    }

    #[tokio::test]
    async fn what_is_no_http_or_long_is_not_waited_for() {
        assert_eq!(gathered(&[b"\x16\x03\x01"]).await, b"\x16\x03\x01".as_slice());
        let long = [b'a'; MAX + 100];
        assert!(gathered(&[&long]).await.len() >= MAX);
    }

    #[tokio::test]
    async fn who_goes_leaves_what_was_said() {
        let (mut ours, theirs) = tokio::io::duplex(16);
        drop(theirs);
        assert!(gather(&mut ours).await.unwrap().is_empty());
    }
}
