//! Sorting by normalized keys: rows become integers or bytes that compare as the rows do.
//!
//! `SortKeys` encodes the key columns of a chunk of rows as `KeyRows`; a `Run` is a sorted list of
//! the rows of some chunks; `cut_runs` and `merge_runs` merge runs, each piece on its own. Rows have
//! ids as in [`select::chunks`](crate::select::chunks), and no row moves before all are in order.
//! The idea is old; see Graefe, *Implementing Sorting in Database Systems*, ACM Computing Surveys
//! 38(3), 2006, section 3.

/// Keys of any length.
mod bytes;
/// Key columns: their types and the order of their values.
mod field;
/// Sorted runs, merged in pieces.
mod merge;
/// Keys without the bits that all of them share.
mod packing;
/// Sorting by digits.
mod radix;
/// The keys of rows.
mod rows;
/// Sorted lists of row ids.
mod run;
/// The words that keys are packed in.
mod word;
/// Keys of up to 256 bits.
mod words;

use esker_datatypes::{Buffers, Column, DataType, Error, Result};

use field::{Field, Kind};
use rows::Keys;

pub use merge::{cut_runs, merge_runs};
pub use rows::KeyRows;
pub use run::Run;

/// How a column is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortOptions {
    /// From the greatest value to the least.
    pub descending: bool,
    /// Nulls before all values, whatever the direction.
    pub nulls_first: bool,
}

/// The encoder of the keys of rows.
///
/// Values are ordered as [`compare`](crate::compare) has it: NaN is the greatest float and equals
/// itself, -0.0 equals 0.0, text and binary are ordered by their bytes, lists, structs and maps by
/// their first difference, with a null in them the greatest. Nulls of the columns themselves stand
/// where the options say.
///
/// Keys of up to 64, 128 or 256 bits in all become words; every other list of columns becomes
/// bytes.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int32Array, StringViewArray};
/// use esker_datatypes::{Buffers, Column, DataType};
/// use esker_kernels::sort_key::{Run, SortKeys, SortOptions};
/// let up = SortOptions { descending: false, nulls_first: false };
/// let down = SortOptions { descending: true, nulls_first: false };
/// let keys = SortKeys::new(&[(DataType::Utf8View, up), (DataType::Int32, down)])?;
/// let names = Column::flat(Arc::new(StringViewArray::from(vec!["b", "a", "b"])));
/// let ages = Column::flat(Arc::new(Int32Array::from(vec![Some(30), None, Some(50)])));
/// let rows = keys.encode(&[&names, &ages], 3, &mut Buffers::default())?;
/// let run = Run::sort(&[rows], 0..1);
/// assert_eq!(run.ids(), [1, 2, 0]);
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct SortKeys {
    fields: Vec<Field>,
    layout: Layout,
}

/// What the keys of an encoder are.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Up to 64 bits.
    Narrow,
    /// One column of 64 bits that needs one more for null: the chunks without a null do not.
    NarrowOrWide,
    /// Up to 128 bits.
    Wide,
    /// Up to 256 bits, and how many are free.
    Double(u32),
    Bytes,
}

impl SortKeys {
    /// The encoder for columns of these types, the most significant first. No columns are a key
    /// that all rows share.
    ///
    /// # Errors
    /// `Unsupported` for a type whose values have no order.
    pub fn new(columns: &[(DataType, SortOptions)]) -> Result<Self> {
        let fields = columns.iter();
        let fields: Vec<Field> = fields
            .map(|(data_type, options)| Field::new(data_type, *options))
            .collect::<Result<_>>()?;
        let bits = fields.iter().map(Field::bits).sum::<Option<u32>>();
        let layout = match bits {
            Some(0..=64) => Layout::Narrow,
            Some(65) if fields.iter().any(|f| f.bits() == Some(65)) => Layout::NarrowOrWide,
            Some(..=128) => Layout::Wide,
            Some(bits @ ..=256) => Layout::Double(256 - bits),
            Some(_) | None => Layout::Bytes,
        };
        Ok(Self { fields, layout })
    }

    /// The keys of dense columns of `rows` rows, in any encoding.
    ///
    /// # Errors
    /// `Internal` when number, lengths or types of the columns are others.
    pub fn encode(
        &self,
        columns: &[&Column],
        rows: usize,
        buffers: &mut Buffers,
    ) -> Result<KeyRows> {
        if columns.len() != self.fields.len() {
            let (found, wanted) = (columns.len(), self.fields.len());
            return Err(Error::internal(format!(
                "{found} key columns, not {wanted}"
            )));
        }
        for (field, column) in self.fields.iter().zip(columns) {
            if column.len() != rows || Kind::of(column.value_type())? != field.kind {
                return Err(Error::internal(format!(
                    "a key column of {} rows of {} among {rows} rows",
                    column.len(),
                    column.value_type()
                )));
            }
        }
        let keys = match self.layout {
            Layout::Narrow => Keys::Narrow {
                high: 0,
                low: words::encode(&self.fields, columns, rows, 0, buffers)?,
            },
            Layout::NarrowOrWide if self.without_nulls(columns) => Keys::Narrow {
                high: u64::from(self.fields.iter().any(Field::marks_values)),
                low: words::encode(&self.fields, columns, rows, 0, buffers)?,
            },
            Layout::NarrowOrWide | Layout::Wide => {
                Keys::Wide(words::encode(&self.fields, columns, rows, 0, buffers)?)
            }
            Layout::Double(free) => {
                Keys::Double(words::encode(&self.fields, columns, rows, free, buffers)?)
            }
            Layout::Bytes => {
                let (offsets, data) = bytes::encode(&self.fields, columns, rows)?;
                Keys::Bytes { offsets, data }
            }
        };
        Ok(KeyRows::new(keys))
    }

    /// Whether no column that has a bit for its nulls has a null.
    fn without_nulls(&self, columns: &[&Column]) -> bool {
        let mut pairs = self.fields.iter().zip(columns);
        pairs.all(|(field, column)| field.bits() == Some(0) || column.nulls().is_none())
    }
}

#[cfg(test)]
mod tests;
