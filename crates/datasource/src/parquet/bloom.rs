//! Bloom filters: which values a column chunk surely does not hold.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{Decimal32Type, Decimal64Type, Decimal128Type, Int64Type};
use esker_datatypes::{DataType, ScalarValue};
use parquet::basic::Type as PhysicalType;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ColumnChunkMetaData;

use super::column::guarded;
use super::file::OpenFile;
use super::footer::Tail;

/// The split block Bloom filter of a column chunk (Putze, Sanders and Singler: "Cache-, Hash- and
/// Space-Efficient Bloom Filters", 2007), where there is one that can be read.
pub(super) fn read(file: &OpenFile, chunk: &ColumnChunkMetaData) -> Option<Sbbf> {
    chunk.bloom_filter_offset()?;
    // One that cannot be read is not needed either.
    let filter = guarded("the Bloom filter broke its decoder", || {
        Sbbf::read_from_column_chunk(chunk, &Tail::unread(file.bytes(), file.len()))
    });
    filter
        .ok()?
        .ok()
        .flatten()
        .filter(|filter| filter.num_blocks() > 0)
}

/// Whether a column may hold a value of its type, as far as its filter says.
pub(super) fn may_hold(filter: &Sbbf, stored: PhysicalType, value: &ScalarValue) -> bool {
    match stored {
        PhysicalType::INT32 => integer(value).is_none_or(|bits| filter.check(&(bits as i32))),
        PhysicalType::INT64 => integer(value).is_none_or(|bits| filter.check(&bits)),
        PhysicalType::FLOAT if *value.data_type() == DataType::Float32 => value
            .as_f64()
            .is_none_or(|float| filter.check(&(float as f32))),
        PhysicalType::DOUBLE if *value.data_type() == DataType::Float64 => {
            value.as_f64().is_none_or(|float| filter.check(&float))
        }
        PhysicalType::BYTE_ARRAY => value.as_str().is_none_or(|text| filter.check(text)),
        PhysicalType::BOOLEAN
        | PhysicalType::INT96
        | PhysicalType::FLOAT
        | PhysicalType::DOUBLE
        | PhysicalType::FIXED_LEN_BYTE_ARRAY => true,
    }
}

/// The integer that a value is stored as, widened; `None` for one of a type that is none inside.
fn integer(value: &ScalarValue) -> Option<i64> {
    let array = value.as_array();
    match value.data_type() {
        // What does not fit is stored as the negative number of the same bits.
        DataType::UInt64 => value.as_i128().map(|integer| integer as i64),
        data_type if data_type.is_integer() => i64::try_from(value.as_i128()?).ok(),
        DataType::Decimal32(_, _) => Some(array.as_primitive::<Decimal32Type>().value(0).into()),
        DataType::Decimal64(_, _) => Some(array.as_primitive::<Decimal64Type>().value(0)),
        DataType::Decimal128(_, _) => {
            i64::try_from(array.as_primitive::<Decimal128Type>().value(0)).ok()
        }
        DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _) => {
            let number = cast(array, &DataType::Int64).ok()?;
            Some(number.as_primitive_opt::<Int64Type>()?.value(0))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_looked_up_as_they_are_stored() {
        let mut filter = Sbbf::new_with_num_of_bytes(1024);
        filter.insert(&7i32);
        filter.insert(&(-1i32));
        filter.insert(&-2i64);
        filter.insert(&1.5f64);
        filter.insert("text");
        let check = |stored, value: ScalarValue, want| {
            assert_eq!(may_hold(&filter, stored, &value), want, "{value}");
        };
        let (int32, int64) = (PhysicalType::INT32, PhysicalType::INT64);
        check(int32, 7i8.into(), true);
        check(int32, 7u16.into(), true);
        check(int32, ScalarValue::date(7), true);
        check(int32, u32::MAX.into(), true);
        check(int32, 8i32.into(), false);
        check(int64, (u64::MAX - 1).into(), true);
        check(int64, 7i64.into(), false);
        check(int32, ScalarValue::decimal(7, 20, 2).unwrap(), true);
        check(int64, ScalarValue::decimal(7, 20, 2).unwrap(), false);
        check(int64, ScalarValue::decimal(-2, 20, 2).unwrap(), true);
        check(PhysicalType::DOUBLE, 1.5f64.into(), true);
        check(PhysicalType::DOUBLE, 2.5f64.into(), false);
        check(PhysicalType::BYTE_ARRAY, "text".into(), true);
        check(PhysicalType::BYTE_ARRAY, "other".into(), false);
        check(PhysicalType::BOOLEAN, true.into(), true);
        check(int64, "text".into(), true);
    }
}
