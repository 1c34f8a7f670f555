//! One pass over the bytes of many texts that lie side by side.
//!
//! Looking for a rare text in each row on its own costs a call, and the start of a search, a row.
//! Texts of a batch mostly lie in one buffer one behind the other (behind a page of Parquet, a CSV
//! field, an Arrow array), so the search runs over all of them and each hit is brought to its row.

#![allow(
    clippy::indexing_slicing,
    reason = "places lie within the buffers of a valid array; rows are below the number of rows"
)]

use super::pattern::TextPattern;
use crate::bits;

/// Texts this far apart are searched on their own: to read what lies between costs more.
const GAP: usize = 256;

/// Where a text lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) buffer: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Sets the bits of the rows whose text fits the pattern, which has a
/// [needle](TextPattern::needle).
///
/// There are `count` rows: `row` gives the number of the i-th, `place` where its text lies (`None`
/// when it lies in no buffer), `value` the text, and `buffer` the bytes of a buffer.
pub(super) fn scan<'t>(
    pattern: &TextPattern,
    count: usize,
    row: impl Fn(usize) -> usize,
    place: impl Fn(usize) -> Option<Place>,
    value: impl Fn(usize) -> &'t [u8],
    buffer: impl Fn(usize) -> &'t [u8],
    words: &mut [u64],
) {
    let test = |words: &mut [u64], row: usize| {
        if pattern.matches_bytes(value(row)) {
            bits::set(words, row);
        }
    };
    let Some((finder, alone)) = pattern.needle() else {
        (0..count).for_each(|at| test(words, row(at)));
        return;
    };
    let mut first = 0;
    while first < count {
        let Some(from) = place(row(first)) else {
            test(words, row(first));
            first += 1;
            continue;
        };
        // The rows that lie behind this one, in order.
        let (mut end, mut behind) = (from.end, first + 1);
        while behind < count {
            match place(row(behind)) {
                None => test(words, row(behind)),
                Some(next)
                    if next.buffer == from.buffer
                        && next.start >= end
                        && next.start - end <= GAP =>
                {
                    end = next.end;
                }
                Some(_) => break,
            }
            behind += 1;
        }
        let bytes = &buffer(from.buffer)[..end];
        let (mut at, mut current) = (from.start, first);
        while let Some(hit) = finder.find(&bytes[at..]).map(|found| found + at) {
            let beyond = |place: Place| place.end > hit;
            let found = (current..behind)
                .find_map(|i| place(row(i)).filter(|&p| beyond(p)).map(|p| (i, p)));
            let Some((i, place)) = found else { break };
            current = i;
            if hit < place.start {
                // Between two texts.
                at = place.start;
            } else if hit + finder.needle().len() > place.end {
                // Across the end of one.
                at = hit + 1;
            } else {
                if alone {
                    bits::set(words, row(i));
                } else {
                    test(words, row(i));
                }
                at = place.end;
                current = i + 1;
            }
        }
        first = behind;
    }
}
