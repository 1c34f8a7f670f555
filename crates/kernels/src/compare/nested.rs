//! Lists, structs, maps and unions, compared through Arrow's comparator.

use arrow::array::{
    Array, ArrayData, ArrayRef, ArrowPrimitiveType, AsArray, DynComparator, make_array,
};
use arrow::compute::SortOptions;
use arrow::datatypes::{Float16Type, Float32Type, Float64Type};
use esker_datatypes::{DataType, Error, Result};

use super::op::Relation;
use crate::bits::Target;
use crate::vector::Input;

/// Sends the comparison of every row to the target.
pub(super) fn test(
    relation: Relation,
    negated: bool,
    left: &Input,
    right: &Input,
    rows: usize,
    target: Target<'_>,
) -> Result<()> {
    let compare = comparator(left.array(), right.array())?;
    let wanted = relation.ordering();
    target.rows(rows, negated, |row| {
        compare(left.index(row), right.index(row)) == wanted
    });
    Ok(())
}

/// Compares a row of one array with a row of the other: a null is the greatest and equals a null,
/// floats have the order of S8.
pub(crate) fn comparator(left: &ArrayRef, right: &ArrayRef) -> Result<DynComparator> {
    let (left, right) = (normalized(left)?, normalized(right)?);
    let options = SortOptions {
        descending: false,
        nulls_first: false,
    };
    arrow::array::make_comparator(&left, &right, options).map_err(|e| {
        Error::unsupported(format!(
            "comparing values of type {}: {e}",
            left.data_type()
        ))
    })
}

/// The array with one NaN and one zero in all its floats: Arrow compares floats by their bits.
pub(crate) fn normalized(array: &ArrayRef) -> Result<ArrayRef> {
    if !has_floats(array.data_type()) {
        return Ok(ArrayRef::clone(array));
    }
    Ok(make_array(normalized_data(array.to_data())?))
}

fn normalized_data(data: ArrayData) -> Result<ArrayData> {
    macro_rules! floats {
        ($type:ty) => {{
            type Native = <$type as ArrowPrimitiveType>::Native;
            let zero = Native::default();
            let canonical = |value: Native| match value {
                value if value.is_nan() => Native::NAN,
                value if value == zero => zero,
                value => value,
            };
            make_array(data)
                .as_primitive::<$type>()
                .unary::<_, $type>(canonical)
                .into_data()
        }};
    }
    Ok(match data.data_type() {
        DataType::Float16 => floats!(Float16Type),
        DataType::Float32 => floats!(Float32Type),
        DataType::Float64 => floats!(Float64Type),
        _ => {
            let children = data.child_data().iter().cloned();
            let children = children.map(normalized_data).collect::<Result<Vec<_>>>()?;
            data.into_builder().child_data(children).build()?
        }
    })
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _)
        | DataType::RunEndEncoded(_, field) => has_floats(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| has_floats(f.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, f)| has_floats(f.data_type())),
        DataType::Dictionary(_, values) => has_floats(values),
        _ => false,
    }
}
