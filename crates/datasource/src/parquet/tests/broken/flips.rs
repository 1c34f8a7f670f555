//! Bits that flip: some thousand files that differ in one bit from a sound one.

use esker_datatypes::{Column, Result, ScalarValue};
use esker_kernels::compare::CompareOp;
use esker_logical_plan::TableSource;

use super::super::super::headers;
use super::super::pruning::filter_of;
use super::pages::{chunks, metadata};
use super::samples::{Sample, samples};
use super::{check_error, footer_of, memory, open_with, scan};
use crate::{ParquetOptions, ParquetSource};

/// How many bits of each file flip, one at a time: in all more than 6,000.
const FLIPS: usize = 190;
/// No file, of some thousand bytes, takes more memory than this.
const MOST: u64 = 2 << 20;

/// The numbers of Marsaglia's xorshift generator, always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Reads all of a file, and the rows that pass a filter: how many rows all are.
fn read(bytes: &[u8], prune: bool) -> Result<usize> {
    let source = open_with(bytes, ParquetOptions::default().with_prune(prune))?;
    let rows = scan(&source, Vec::new());
    let op = if prune { CompareOp::Gt } else { CompareOp::Eq };
    if let Some(filtered) = filtered(&source, ScalarValue::from(11i64), op) {
        filtered?;
    }
    rows
}

/// The rows that pass a filter on the first column, when it is still of the value's type.
fn filtered(source: &ParquetSource, value: ScalarValue, op: CompareOp) -> Option<Result<usize>> {
    let schema = source.schema();
    let field = schema.fields().first()?;
    if field.data_type() != value.data_type() {
        return None;
    }
    let filter = filter_of(&schema, field.name(), op, Column::constant(value, 1));
    Some(scan(source, vec![filter]))
}

/// Flips bits of a file, and says how many of the files were errors.
fn flip(sample: &Sample, random: &mut Random) -> usize {
    let whole = &sample.bytes;
    for prune in [true, false] {
        assert_eq!(read(whole, prune).unwrap(), sample.rows, "{}", sample.name);
    }
    let (footer, chunks) = (footer_of(whole), chunks(&metadata(whole)));
    let bodies = chunks.iter().flat_map(|(chunk, start, end)| {
        let bodies = headers::bodies(chunk, &whole[*start..*end]).into_iter();
        bodies.map(move |body| start + body.start..start + body.end)
    });
    let bodies: Vec<_> = bodies.collect();
    let mut errors = 0;
    for i in 0..FLIPS {
        // Every other one in the footer, which says the most in the fewest bytes.
        let at = match i % 2 {
            0 => random.below(whole.len()),
            _ => footer + random.below(whole.len() - footer),
        };
        let bit = random.below(8);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        let place = format!("{}: bit {bit} of byte {at} of {}", sample.name, whole.len());
        let mut found = Ok(0);
        let bytes_max = memory(|| found = read(&bytes, i % 4 < 2));
        assert!(bytes_max < MOST, "{place}: {bytes_max} bytes");
        let in_chunk = chunks
            .iter()
            .any(|(_, start, end)| (*start..*end).contains(&at));
        match found {
            Ok(rows) => {
                assert_eq!(rows, sample.rows, "{place}");
                let signed = sample.has_checksums && bodies.iter().any(|body| body.contains(&at));
                assert!(!signed, "a checksum does not see {place}");
            }
            Err(error) => {
                errors += 1;
                check_error(&error, in_chunk);
            }
        }
    }
    errors
}

#[test]
fn a_flipped_bit_is_the_right_rows_or_an_error() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let samples = samples();
    let errors = samples.iter().map(|sample| flip(sample, &mut random));
    let (errors, all) = (errors.sum::<usize>(), samples.len() * FLIPS);
    assert!(all > 6000 && errors > all / 4, "{errors} of {all}");
}
