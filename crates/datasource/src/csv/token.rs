//! Where records and fields begin and end.
//!
//! The grammar is that of RFC 4180, and lenient where it is silent: fields are separated by
//! delimiters, records by `\n` or `\r\n`, the last of which may be missing. A quote that *opens* a
//! field starts a quoted one, which reaches to the next quote that is not doubled and must be
//! followed by a delimiter or the end of the record; any other quote is a character. A record
//! without any byte is a blank line: no row, except in a file of one column, where it is a null.

use esker_datatypes::{Error, Result};

use super::dialect::Dialect;
use super::records::{Kind, MAX_BATCH_BYTES, Records, Span};

/// A record that is not as it must be.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where in the chunk.
    pub(super) offset: usize,
    /// What is wrong, without the place.
    pub(super) error: Error,
}

/// Finds records and their wanted fields.
#[derive(Clone, Debug)]
pub(super) struct Tokenizer {
    pub(super) dialect: Dialect,
    /// How many fields each record must have, when that is known.
    pub(super) fields: Option<usize>,
    /// The fields wanted, ascending.
    pub(super) wanted: Vec<usize>,
    /// Whether short records are filled up and long ones cut.
    pub(super) lenient: bool,
}

impl Tokenizer {
    /// Puts up to `max` records of a chunk, from one that starts at `from` on, into `out`, and says
    /// where the next one starts. The chunk ends with a record. Without `quotes` there is no quote
    /// in it.
    pub(super) fn read(
        &self,
        chunk: &[u8],
        from: usize,
        quotes: bool,
        max: usize,
        out: &mut Records,
    ) -> Result<usize, Fault> {
        out.base = from;
        out.starts.clear();
        out.spans.clear();
        out.width = self.wanted.len();
        let mut scan = Scan {
            tokenizer: self,
            chunk,
            out,
            max,
            record: from,
            field_start: from,
            field: 0,
            slot: 0,
            want: self.want(0),
            kind: Kind::Plain,
            close: 0,
        };
        if max > 0 {
            if quotes {
                scan.run::<true>()?
            } else {
                scan.run::<false>()?
            }
        }
        Ok(scan.record)
    }

    /// The wanted field at a place among the wanted ones; none is far away.
    fn want(&self, slot: usize) -> usize {
        self.wanted.get(slot).copied().unwrap_or(usize::MAX)
    }
}

/// The state of a tokenizer within a batch.
struct Scan<'a> {
    tokenizer: &'a Tokenizer,
    chunk: &'a [u8],
    out: &'a mut Records,
    max: usize,
    /// Where the record starts.
    record: usize,
    /// Where the field starts.
    field_start: usize,
    /// The number of the field in its record.
    field: usize,
    /// How many wanted fields of the record were found.
    slot: usize,
    /// The next wanted field.
    want: usize,
    /// What is known of the field.
    kind: Kind,
    /// The closing quote of a quoted field.
    close: usize,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Step {
    More,
    Full,
}

impl Scan<'_> {
    /// Eight bytes at a time: the structural ones among them are found by arithmetic on the word.
    fn run<const QUOTES: bool>(&mut self) -> Result<(), Fault> {
        let Dialect { delimiter, quote } = self.tokenizer.dialect;
        let (delimiters, newlines, quotes) = (every(delimiter), every(b'\n'), every(quote));
        let mut at = self.record;
        'words: while let Some(rest) = self.chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let (word, len) = word(rest);
            let delimiter_bits = equal(word, delimiters);
            let newline_bits = equal(word, newlines);
            let quote_bits = if QUOTES { equal(word, quotes) } else { 0 };
            let mut bits = delimiter_bits | newline_bits | quote_bits;
            if len < 8 {
                bits &= (1 << (8 * len)) - 1;
            }
            while bits != 0 {
                let bit = bits & bits.wrapping_neg();
                bits ^= bit;
                let here = at + (bit.trailing_zeros() / 8) as usize;
                if delimiter_bits & bit != 0 {
                    self.end_field(here);
                    self.next_field(here + 1);
                } else if newline_bits & bit != 0 {
                    if self.end_record(here, here + 1)? == Step::Full {
                        return Ok(());
                    }
                } else if here == self.field_start {
                    at = self.quoted(here)?;
                    continue 'words;
                }
            }
            at += len;
        }
        if self.record < self.chunk.len() {
            self.end_record(self.chunk.len(), self.chunk.len())?;
        }
        Ok(())
    }

    /// A field whose opening quote stands here; says where to go on.
    fn quoted(&mut self, here: usize) -> Result<usize, Fault> {
        match self.tokenizer.dialect.closing(self.chunk, here + 1) {
            Some((close, doubled)) => {
                self.kind = if doubled { Kind::Escaped } else { Kind::Quoted };
                self.close = close;
                Ok(close + 1)
            }
            None if self.tokenizer.lenient => {
                self.kind = Kind::Malformed;
                Ok(self.chunk.len())
            }
            None => Err(Fault {
                offset: here,
                error: Error::data("unterminated quote"),
            }),
        }
    }

    #[inline(always)]
    fn end_field(&mut self, end: usize) {
        if self.field == self.want {
            self.keep_field(end);
        }
    }

    #[inline(always)]
    fn keep_field(&mut self, end: usize) {
        let (start, stop, kind) = match self.kind {
            Kind::Plain => (self.field_start, end, Kind::Plain),
            Kind::Quoted | Kind::Escaped if self.close + 1 == end => {
                (self.field_start + 1, self.close, self.kind)
            }
            Kind::Quoted | Kind::Escaped | Kind::Malformed => {
                (self.field_start, end, Kind::Malformed)
            }
        };
        self.keep(Span::new(start - self.out.base, stop - start, kind));
    }

    #[inline(always)]
    fn keep(&mut self, span: Span) {
        self.out.spans.push(span);
        self.slot += 1;
        self.want = self.tokenizer.want(self.slot);
    }

    #[inline(always)]
    fn next_field(&mut self, start: usize) {
        self.field += 1;
        self.field_start = start;
        self.kind = Kind::Plain;
    }

    /// A record whose bytes end at `end`, the line end left aside; the next one starts at `next`.
    #[inline(always)]
    fn end_record(&mut self, end: usize, next: usize) -> Result<Step, Fault> {
        let carriage_return = end > self.field_start && self.chunk.get(end - 1) == Some(&b'\r');
        let end = end - usize::from(carriage_return);
        let Tokenizer {
            fields, lenient, ..
        } = *self.tokenizer;
        let blank = self.field == 0 && end == self.field_start;
        if blank && fields != Some(1) {
            self.next_record(next);
            return Ok(Step::More);
        }
        if end - self.out.base > MAX_BATCH_BYTES {
            return self.too_far();
        }
        self.end_field(end);
        let found = self.field + 1;
        if let Some(expected) = fields
            && found != expected
        {
            if !lenient {
                let error = Error::data(format!("expected {expected} fields, found {found}"));
                return Err(Fault {
                    offset: self.record,
                    error,
                });
            }
            while self.want != usize::MAX {
                self.keep(Span::new(0, 0, Kind::Plain));
            }
        }
        self.out.seen = found;
        self.out.starts.push((self.record - self.out.base) as u32);
        self.next_record(next);
        Ok(if self.out.starts.len() < self.max {
            Step::More
        } else {
            Step::Full
        })
    }

    #[inline(always)]
    fn next_record(&mut self, start: usize) {
        self.record = start;
        self.field_start = start;
        self.field = 0;
        self.slot = 0;
        self.want = self.tokenizer.want(0);
        self.kind = Kind::Plain;
    }

    /// The batch has grown beyond what offsets can say: it ends before this record.
    #[cold]
    fn too_far(&mut self) -> Result<Step, Fault> {
        if self.out.starts.is_empty() {
            let feature = format!("a CSV record of more than {MAX_BATCH_BYTES} bytes");
            return Err(Fault {
                offset: self.record,
                error: Error::unsupported(feature),
            });
        }
        self.out
            .spans
            .truncate(self.out.starts.len() * self.out.width);
        Ok(Step::Full)
    }
}

const LOW_BITS: u64 = every(0x7f);

/// A word of eight times the same byte.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is equal in both words, and no other.
///
/// After "Hacker's Delight" (H. S. Warren), 6-1: exact for every byte, as nothing is carried.
#[inline(always)]
fn equal(word: u64, pattern: u64) -> u64 {
    let difference = word ^ pattern;
    !(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS)
}

/// The first eight bytes, the first one lowest, or all there are and how many.
#[inline(always)]
fn word(bytes: &[u8]) -> (u64, usize) {
    if let Some(word) = bytes.first_chunk::<8>() {
        return (u64::from_le_bytes(*word), 8);
    }
    let word = bytes
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte));
    (word, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::records::Field;
    use proptest::prelude::*;

    const CSV: Dialect = Dialect {
        delimiter: b',',
        quote: b'"',
    };

    /// All fields of all records as text; `{..}` around malformed ones.
    fn fields(text: &str, width: usize) -> Result<Vec<Vec<Option<String>>>, String> {
        let wanted = (0..width).collect();
        let tokenizer = Tokenizer {
            dialect: CSV,
            fields: Some(width),
            wanted,
            lenient: false,
        };
        let mut records = Records::default();
        let mut rows = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = tokenizer
                .read(text.as_bytes(), at, text.contains('"'), 2, &mut records)
                .map_err(|fault| format!("{} @{}", fault.error, fault.offset))?;
            for row in 0..records.rows() {
                let field = |slot| match records.column(text.as_bytes(), slot).get(row) {
                    Field::Null => None,
                    Field::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
                    Field::Escaped(text) => {
                        let mut out = Vec::new();
                        CSV.unescape(text, &mut out);
                        Some(String::from_utf8_lossy(&out).into_owned())
                    }
                    Field::Malformed(text) => {
                        Some(format!("{{{}}}", String::from_utf8_lossy(text)))
                    }
                };
                rows.push((0..width).map(field).collect());
            }
        }
        Ok(rows)
    }

    #[test]
    fn records_and_fields() {
        let check = |text: &str, want: &[[Option<&str>; 2]]| {
            let want: Vec<Vec<_>> = want
                .iter()
                .map(|row| row.iter().map(|f| f.map(str::to_owned)).collect())
                .collect();
            assert_eq!(fields(text, 2).unwrap(), want, "{text:?}");
        };
        check("", &[]);
        check(
            "a,b\nc,d",
            &[[Some("a"), Some("b")], [Some("c"), Some("d")]],
        );
        check("a,b\r\n,\r\n", &[[Some("a"), Some("b")], [None, None]]);
        check(
            "\n\r\na,\n\n\r\n,b\n\r",
            &[[Some("a"), None], [None, Some("b")]],
        );
        check("\"\",\"a,\r\n\"\"b\"\r\n", &[[Some(""), Some("a,\r\n\"b")]]);
        check("\"\"\"\",\"\"\"\"\"\"", &[[Some("\""), Some("\"\"")]]);
        check(
            "5\" x,a\"b\"\n c,\td ",
            &[[Some("5\" x"), Some("a\"b\"")], [Some(" c"), Some("\td ")]],
        );
        check(
            "\"a\"b,\"c\"d\"\n",
            &[[Some("{\"a\"b}"), Some("{\"c\"d\"}")]],
        );
        check("a,b\rc\r\r\n", &[[Some("a"), Some("b\rc\r")]]);
        check(
            "0123456,89abcdefghijklmnopqrstu\n",
            &[[Some("0123456"), Some("89abcdefghijklmnopqrstu")]],
        );
    }

    #[test]
    fn blank_lines_are_rows_of_one_column() {
        let rows = fields("a\n\n\r\n\"\"\n", 1).unwrap();
        assert_eq!(
            rows,
            [
                vec![Some("a".to_owned())],
                vec![None],
                vec![None],
                vec![Some(String::new())]
            ]
        );
    }

    #[test]
    fn ragged_and_unterminated_records() {
        let check = |text: &str, want: &str| assert_eq!(fields(text, 2).unwrap_err(), want);
        check("a,b\nc\n", "expected 2 fields, found 1 @4");
        check("a,b\nc,d,e", "expected 2 fields, found 3 @4");
        check("a,b\nc,\"d\n", "unterminated quote @6");
    }

    proptest! {
        /// A chunk is cut where the tokenizer finds a record to end.
        #[test]
        fn both_readings_of_quotes_agree(text in "[a,\"\n]{0,40}") {
            let tokenizer =
                Tokenizer { dialect: CSV, fields: None, wanted: Vec::new(), lenient: false };
            let (whole, quotes) = CSV.whole_records(text.as_bytes());
            prop_assert_eq!(quotes, text.contains('"'));
            let mut records = Records::default();
            let whole_text = text.get(..whole).unwrap();
            let read = tokenizer.read(whole_text.as_bytes(), 0, true, usize::MAX, &mut records);
            prop_assert_eq!(read.unwrap(), whole);
            // What is left is no record: one more line end would not be its end, or it has none.
            let rest = text.get(whole..).unwrap();
            let read = tokenizer.read(rest.as_bytes(), 0, true, 1, &mut records);
            prop_assert!(read.map_or(true, |next| next == rest.len()));
        }

        #[test]
        fn equal_bytes_are_marked(bytes: [u8; 8], byte: u8) {
            let marks = equal(u64::from_le_bytes(bytes), every(byte));
            for (i, b) in bytes.iter().enumerate() {
                prop_assert_eq!(marks >> (8 * i) & 0xff, if *b == byte { 0x80 } else { 0 });
            }
        }
    }
}
