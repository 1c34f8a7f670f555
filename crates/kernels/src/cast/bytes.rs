//! Text and binary in their layouts: the same bytes.

use arrow::array::{Array, ArrayRef, AsArray};
use esker_datatypes::{DataType, Error, Result, is_string};

use super::flat::{Converted, by_arrow};

/// Text or binary of a layout to text or binary of another. Layouts that can share their bytes do.
pub(super) fn bytes(array: &ArrayRef, to: &DataType) -> Result<Converted> {
    use DataType as T;
    guard(array, to)?;
    // Arrow has no direct way for these: one step that cannot fail, then one that may.
    let through = match (array.data_type(), to) {
        (T::FixedSizeBinary(_), t) if is_string(t) => Some(T::BinaryView),
        (T::Binary | T::LargeBinary, T::FixedSizeBinary(_)) => None,
        (_, T::FixedSizeBinary(_)) => Some(T::LargeBinary),
        _ => None,
    };
    match through {
        Some(through) => by_arrow(&by_arrow(array, &through)?.array, to),
        None => by_arrow(array, to),
    }
}

/// Refuses what 32-bit offsets cannot hold.
fn guard(array: &ArrayRef, to: &DataType) -> Result<()> {
    if !matches!(to, DataType::Utf8 | DataType::Binary) {
        return Ok(());
    }
    let total = match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(u64::from).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(u64::from).sum(),
        DataType::FixedSizeBinary(size) => array.len() as u64 * u64::from(size.unsigned_abs()),
        // Arrow's casts between offsets check.
        _ => 0u64,
    };
    if total > i32::MAX as u64 {
        return Err(Error::unsupported(format!(
            "{total} bytes of text in one array of {to}"
        )));
    }
    Ok(())
}
