//! What a footer says of the values in a row group, as far as it can be trusted.

use std::cell::RefCell;
use std::collections::HashMap;

use arrow::array::{ArrayData, make_array};
use arrow::buffer::Buffer;
use esker_datatypes::{ColumnStatistics, DataType, Precision, ScalarValue};
use esker_logical_expr::Interval;
use esker_logical_plan::ColumnStats;
use parquet::basic::{ColumnOrder, SortOrder, Type as PhysicalType};
use parquet::bloom_filter::Sbbf;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use super::bloom;
use super::file::OpenFile;
use super::footer::Footer;

/// What is known of a row group.
pub(super) struct GroupStatistics<'a> {
    file: &'a OpenFile,
    row_group: usize,
    columns: &'a [usize],
    /// The Bloom filters that were asked for, by position in the file.
    filters: RefCell<HashMap<usize, Option<Sbbf>>>,
}

impl<'a> GroupStatistics<'a> {
    /// Of these columns, by position in the file.
    pub(super) fn new(file: &'a OpenFile, row_group: usize, columns: &'a [usize]) -> Self {
        Self {
            file,
            row_group,
            columns,
            filters: RefCell::default(),
        }
    }

    pub(super) fn footer(&self) -> &Footer {
        self.file.footer()
    }

    pub(super) fn row_group(&self) -> usize {
        self.row_group
    }

    /// The position in the file of a column that is read.
    pub(super) fn column(&self, column: usize) -> Option<usize> {
        self.columns.get(column).copied()
    }
}

impl ColumnStats for GroupStatistics<'_> {
    fn rows(&self) -> Option<u64> {
        Some(self.file.footer().rows(self.row_group) as u64)
    }

    fn interval(&self, column: usize) -> Option<Interval> {
        let footer = self.file.footer();
        let column = *self.columns.get(column)?;
        let statistics = column_statistics(footer, self.row_group, column)?;
        let data_type = footer.schema.fields().get(column)?.data_type();
        let rows = footer.rows(self.row_group) as u64;
        if statistics.null_count == Precision::Exact(rows) {
            return Some(Interval::constant(&ScalarValue::null(data_type)));
        }
        Some(Interval::of_statistics(data_type, &statistics))
    }

    fn may_contain(&self, column: usize, value: &ScalarValue) -> bool {
        let footer = self.file.footer();
        let Some(&column) = self.columns.get(column) else {
            return true;
        };
        let chunk = footer.flat_chunk(self.row_group, column);
        let field = footer.schema.fields().get(column);
        let (Some((_, chunk)), Some(field)) = (chunk, field) else {
            return true;
        };
        if field.data_type() != value.data_type() {
            return true;
        }
        let mut filters = self.filters.borrow_mut();
        let filter = filters.entry(column);
        let filter = filter.or_insert_with(|| bloom::read(self.file, chunk));
        filter
            .as_ref()
            .is_none_or(|filter| bloom::may_hold(filter, chunk.column_type(), value))
    }
}

/// What is known of a column (by position in the file) in a row group; `None` for a nested one.
pub(super) fn column_statistics(
    footer: &Footer,
    row_group: usize,
    column: usize,
) -> Option<ColumnStatistics> {
    let (leaf, chunk) = footer.flat_chunk(row_group, column)?;
    let data_type = footer.schema.fields().get(column)?.data_type();
    let rows = footer.rows(row_group) as u64;
    let (descriptor, statistics) = (chunk.column_descr(), chunk.statistics());
    let order = order_of(footer, leaf);
    Some(of_statistics(
        descriptor, statistics, order, data_type, rows,
    ))
}

/// In which order the bounds of a leaf are the least and the greatest.
pub(super) fn order_of(footer: &Footer, leaf: usize) -> ColumnOrder {
    let orders = footer.metadata().file_metadata().column_orders();
    orders.map_or(ColumnOrder::UNDEFINED, |orders| {
        orders.get(leaf).copied().unwrap_or(ColumnOrder::UNKNOWN)
    })
}

/// What is known of a column chunk, or a page of one, of so many rows.
///
/// Nothing is said that a writer may have got wrong without breaking the format:
/// - Bounds from before writers said how values are ordered hold for signed numbers only; those of
///   an order that we do not know, and of 96-bit timestamps, for nothing.
/// - NaN is beside the bounds of floats, unless their count is known to be 0. A bound that is NaN
///   says that the writer did not care, so the other one is worth nothing either.
/// - Bounds of text may be cut: a lower one that ends within a character is cut before it, an upper
///   one is dropped. One that may be cut and equals the lower one was not rounded up.
/// - Counts of nulls that are not there are not 0.
pub(super) fn of_statistics(
    descriptor: &ColumnDescriptor,
    statistics: Option<&Statistics>,
    order: ColumnOrder,
    data_type: &DataType,
    rows: u64,
) -> ColumnStatistics {
    let mut known = ColumnStatistics::default();
    let nulls = statistics.and_then(Statistics::null_count_opt);
    known.null_count = match nulls.filter(|&nulls| nulls <= rows) {
        _ if descriptor.max_def_level() == 0 => Precision::Exact(0),
        Some(nulls) => Precision::Exact(nulls),
        None => Precision::Unknown,
    };
    known.may_hold_nan = data_type.is_floating();
    let Some(statistics) = statistics else {
        return known;
    };
    if statistics.nan_count_opt() == Some(0) {
        known.may_hold_nan = false;
    }
    let of_type = ColumnOrder::column_order_for_type(
        descriptor.logical_type_ref(),
        descriptor.converted_type(),
        descriptor.physical_type(),
    )
    .sort_order();
    let trusted = match order {
        ColumnOrder::TYPE_DEFINED_ORDER(_) if !statistics.is_min_max_deprecated() => true,
        ColumnOrder::IEEE_754_TOTAL_ORDER => data_type.is_floating(),
        ColumnOrder::TYPE_DEFINED_ORDER(_) | ColumnOrder::UNDEFINED => {
            of_type == SortOrder::SIGNED
                && matches!(
                    descriptor.physical_type(),
                    PhysicalType::INT32 | PhysicalType::INT64
                )
        }
        ColumnOrder::INT96_TIMESTAMP_ORDER | ColumnOrder::UNKNOWN => false,
    };
    if trusted {
        (known.min, known.max) = bounds(statistics, of_type, data_type);
    }
    known
}

/// The bounds as values of the column's type.
fn bounds(
    statistics: &Statistics,
    order: SortOrder,
    data_type: &DataType,
) -> (Option<ScalarValue>, Option<ScalarValue>) {
    let pair = match statistics {
        Statistics::Boolean(s) => {
            let truth = |bound: Option<&bool>| bound.map(|&bound| ScalarValue::from(bound));
            (truth(s.min_opt()), truth(s.max_opt()))
        }
        Statistics::Int32(s) => {
            let unsigned = order == SortOrder::UNSIGNED;
            let wide = |&bound: &i32| match unsigned {
                true => i64::from(bound as u32),
                false => i64::from(bound),
            };
            let value = |bound: Option<&i32>| integer(bound.map(wide)?.into(), data_type);
            (value(s.min_opt()), value(s.max_opt()))
        }
        Statistics::Int64(s) => {
            let unsigned = order == SortOrder::UNSIGNED;
            let wide = |&bound: &i64| match unsigned {
                true => i128::from(bound as u64),
                false => i128::from(bound),
            };
            let value = |bound: Option<&i64>| integer(bound.map(wide)?, data_type);
            (value(s.min_opt()), value(s.max_opt()))
        }
        Statistics::Float(s) => {
            let bounds = s.min_opt().zip(s.max_opt());
            let bounds = bounds.filter(|(min, max)| !min.is_nan() && !max.is_nan());
            let (min, max) = bounds.unzip();
            (min.map(|&m| m.into()), max.map(|&m| m.into()))
        }
        Statistics::Double(s) => {
            let bounds = s.min_opt().zip(s.max_opt());
            let bounds = bounds.filter(|(min, max)| !min.is_nan() && !max.is_nan());
            let (min, max) = bounds.unzip();
            (min.map(|&m| m.into()), max.map(|&m| m.into()))
        }
        Statistics::ByteArray(s) => {
            let (min, max) = (s.min_bytes_opt(), s.max_bytes_opt());
            bytes(min, max, s.max_is_exact(), data_type)
        }
        Statistics::FixedLenByteArray(s) => {
            let (min, max) = (s.min_bytes_opt(), s.max_bytes_opt());
            bytes(min, max, s.max_is_exact(), data_type)
        }
        Statistics::Int96(_) => (None, None),
    };
    let fits = |bound: &ScalarValue| bound.data_type() == data_type;
    (pair.0.filter(fits), pair.1.filter(fits))
}

/// Bounds of text, and of decimals that are stored as bytes.
fn bytes(
    min: Option<&[u8]>,
    max: Option<&[u8]>,
    max_is_exact: bool,
    data_type: &DataType,
) -> (Option<ScalarValue>, Option<ScalarValue>) {
    match data_type {
        DataType::Utf8View => {
            let whole = |bytes: &[u8]| match std::str::from_utf8(bytes) {
                Ok(text) => text.len(),
                Err(cut) => cut.valid_up_to(),
            };
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(ScalarValue::from);
            let rounded = max_is_exact || min != max;
            let lower = min.and_then(|min| text(min.get(..whole(min))?));
            (lower, max.filter(|_| rounded).and_then(text))
        }
        DataType::Decimal64(_, _) | DataType::Decimal128(_, _) => {
            let digits = |bytes: &[u8]| integer(big_endian(bytes)?, data_type);
            (min.and_then(digits), max.and_then(digits))
        }
        _ => (None, None),
    }
}

/// The number that bytes in two's complement, most significant first, stand for.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    if bytes.len() > size_of::<i128>() {
        return None;
    }
    let sign = if first >= 0x80 { -1 } else { 0 };
    Some(
        bytes
            .iter()
            .fold(sign, |n, &byte| n << 8 | i128::from(byte)),
    )
}

/// The value of a type that this integer stands for; `None` for a type that is no integer inside,
/// and for one that the integer does not fit.
fn integer(integer: i128, data_type: &DataType) -> Option<ScalarValue> {
    let bytes = match data_type {
        DataType::Int8 => i8::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::Int16 => i16::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::UInt8 => u8::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::UInt16 => u16::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::UInt32 => u32::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::UInt64 => u64::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) | DataType::Decimal32(_, _) => {
            i32::try_from(integer).ok()?.to_ne_bytes().to_vec()
        }
        DataType::Int64
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_)
        | DataType::Decimal64(_, _) => i64::try_from(integer).ok()?.to_ne_bytes().to_vec(),
        DataType::Decimal128(_, _) => integer.to_ne_bytes().to_vec(),
        // Dates in milliseconds are stored in days, and the others are no integers.
        _ => return None,
    };
    let data = ArrayData::builder(data_type.clone())
        .len(1)
        .align_buffers(true)
        .add_buffer(Buffer::from_vec(bytes));
    ScalarValue::from_array(&make_array(data.build().ok()?), 0).ok()
}

/// What is known of a column in all row groups of some files.
#[derive(Default)]
pub(super) struct Folded {
    bounds: Option<ColumnStatistics>,
    /// Whether some row group has no lower, no upper bound.
    open: [bool; 2],
    rows: u64,
    /// The rows of those in which all values are null.
    null_rows: u64,
}

impl Folded {
    /// Adds what is known of a row group of so many rows.
    pub(super) fn add(&mut self, group: Option<ColumnStatistics>, rows: u64, data_type: &DataType) {
        if rows == 0 {
            return;
        }
        let group = group.unwrap_or_default();
        let only_nulls = group.null_count == Precision::Exact(rows);
        self.rows += rows;
        if only_nulls {
            self.null_rows += rows;
        } else {
            self.open[0] |= group.min.is_none();
            self.open[1] |= group.max.is_none();
        }
        let Some(all) = &mut self.bounds else {
            self.bounds = Some(ColumnStatistics {
                may_hold_nan: group.may_hold_nan && !only_nulls,
                ..group
            });
            return;
        };
        all.null_count = all.null_count.plus(group.null_count);
        all.may_hold_nan |= group.may_hold_nan && !only_nulls;
        // A bound holds when it is on the right side of the other.
        let within = |lower: &ScalarValue, upper: &ScalarValue| {
            Interval::between(data_type, Some(lower.clone()), None).contains(upper)
        };
        all.min = match (all.min.take(), group.min) {
            (Some(a), Some(b)) => Some(if within(&a, &b) { a } else { b }),
            (a, b) => a.or(b),
        };
        all.max = match (all.max.take(), group.max) {
            (Some(a), Some(b)) => Some(if within(&a, &b) { b } else { a }),
            (a, b) => a.or(b),
        };
    }

    /// Whether there are rows, and all are null.
    pub(super) fn is_null(&self) -> bool {
        self.rows > 0 && self.null_rows == self.rows
    }

    pub(super) fn finish(self) -> ColumnStatistics {
        let mut all = self.bounds.unwrap_or(ColumnStatistics {
            null_count: Precision::Exact(0),
            may_hold_nan: false,
            ..ColumnStatistics::default()
        });
        let [no_min, no_max] = self.open;
        all.min = all.min.filter(|_| !no_min);
        all.max = all.max.filter(|_| !no_max);
        all
    }
}
