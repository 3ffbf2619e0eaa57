//! Reads lines of bounded length.

use std::io::{self, BufRead};

/// The longest line, in bytes: twice the largest integration config, which is by far the largest thing on one.
pub(super) const LINE_BYTES_MAX: usize = 2 * anteroom_protocol::integration::DOCUMENT_BYTES_MAX;

/// What became of one line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer, without its end.
    Whole,
    /// It was longer than is read, and has been passed over.
    TooLong,
    /// There is no more.
    End,
}

/// Reads the next line into the buffer, of at most `bytes_max` bytes. The memory it takes does not depend on how long
/// a line is beyond that.
pub(super) fn next(input: &mut impl BufRead, buffer: &mut Vec<u8>, bytes_max: usize) -> io::Result<Line> {
    buffer.clear();
    let (mut has_begun, mut is_too_long) = (false, false);
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            break;
        }
        has_begun = true;
        let end = available.iter().position(|&byte| byte == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        is_too_long = is_too_long || buffer.len() + piece.len() > bytes_max;
        if !is_too_long {
            buffer.extend_from_slice(piece);
        }
        let taken = piece.len() + usize::from(end.is_some());
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    Ok(match (has_begun, is_too_long) {
        (false, _) => Line::End,
        (true, true) => Line::TooLong,
        (true, false) => Line::Whole,
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn line_beyond_the_bound_is_passed_over_and_the_next_one_is_read() {
        let mut input = BufReader::with_capacity(3, &b"abcd\nabcdef\n\nlast"[..]);
        let mut buffer = Vec::new();
        let mut read = || {
            let line = next(&mut input, &mut buffer, 4).unwrap();
            (line, String::from_utf8(buffer.clone()).unwrap())
        };
        assert_eq!(read(), (Line::Whole, "abcd".into()));
        assert_eq!(read().0, Line::TooLong);
        assert_eq!(read(), (Line::Whole, String::new()));
        assert_eq!(read(), (Line::Whole, "last".into()));
        assert_eq!(read().0, Line::End);
    }
}
