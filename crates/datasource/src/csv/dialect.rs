//! The bytes that give a file its structure, and what quotes mean.

use memchr::{memchr, memchr_iter, memrchr};

/// The bytes that give a file its structure; neither is a line end, and they differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
}

impl Dialect {
    /// How many of these bytes, which start at a record, are whole records; and whether there is a
    /// quote among all of them.
    pub(super) fn whole_records(self, bytes: &[u8]) -> (usize, bool) {
        let end_of = |text: &[u8]| memrchr(b'\n', text).map(|at| at + 1);
        if memchr(self.quote, bytes).is_none() {
            return (end_of(bytes).unwrap_or(0), false);
        }
        let mut whole = 0;
        let mut outside = 0;
        loop {
            let opening = self.opening(bytes, outside);
            let plain = bytes.get(outside..opening.unwrap_or(bytes.len()));
            if let Some(end) = plain.and_then(end_of) {
                whole = outside + end;
            }
            match opening.and_then(|at| self.closing(bytes, at + 1)) {
                Some((closing, _)) => outside = closing + 1,
                None => return (whole, true),
            }
        }
    }

    /// The first quote at or behind `from`, a place outside of quotes, that opens a field.
    fn opening(self, bytes: &[u8], from: usize) -> Option<usize> {
        let quotes = memchr_iter(self.quote, bytes.get(from..)?);
        quotes
            .map(|at| from + at)
            .find(|&at| match at.checked_sub(1).and_then(|b| bytes.get(b)) {
                Some(&before) => before == self.delimiter || before == b'\n',
                None => true,
            })
    }

    /// The quote that ends the quoted text that starts at `from`, and whether quotes are doubled
    /// before it.
    pub(super) fn closing(self, bytes: &[u8], mut from: usize) -> Option<(usize, bool)> {
        let mut doubled = false;
        loop {
            let at = from + memchr(self.quote, bytes.get(from..)?)?;
            if bytes.get(at + 1) != Some(&self.quote) {
                return Some((at, doubled));
            }
            doubled = true;
            from = at + 2;
        }
    }

    /// Appends quoted text with each doubled quote as one.
    pub(super) fn unescape(self, text: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for at in memchr_iter(self.quote, text) {
            // The second quote of a pair lies before `from`.
            if at >= from {
                out.extend_from_slice(text.get(from..=at).unwrap_or_default());
                from = at + 2;
            }
        }
        out.extend_from_slice(text.get(from..).unwrap_or_default());
    }
}
