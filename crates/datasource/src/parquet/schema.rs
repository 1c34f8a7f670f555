//! The types that the columns of a file are shown as, and read as.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{
    DataType, Field, Schema as ArrowSchema, SchemaRef as ArrowSchemaRef, TimeUnit,
};
use esker_datatypes::{Error, Result};
use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::schema::types::{SchemaDescriptor, Type};

/// The columns of a file as the table shows them, from those that the decoder would show: text and
/// bytes as views, decimals no wider than they are stored (but of 128 bits those at the places in
/// `wide`), dictionaries as what they stand for.
///
/// # Errors
/// `Data` for a file that names a column twice.
pub(super) fn declared_schema(
    inferred: &ArrowSchema,
    parquet: &SchemaDescriptor,
    wide: &[usize],
) -> Result<ArrowSchemaRef> {
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(inferred.fields().len());
    for (at, (field, stored)) in inferred.fields().iter().zip(roots(parquet)).enumerate() {
        if !names.insert(field.name()) {
            let message = format!("the file has two columns '{}'", field.name());
            return Err(Error::data(message));
        }
        let data_type = match declared(field.data_type(), stored) {
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) if wide.contains(&at) => {
                DataType::Decimal128(p, s)
            }
            other => other,
        };
        fields.push(field.as_ref().clone().with_data_type(data_type));
    }
    Ok(Arc::new(ArrowSchema::new(fields)))
}

/// The same columns, but text as codes into a dictionary.
pub(super) fn coded_schema(
    declared: &ArrowSchemaRef,
    parquet: &SchemaDescriptor,
) -> ArrowSchemaRef {
    let code = |(field, stored): (&Arc<Field>, &Arc<Type>)| {
        // The decoder takes the type of a dictionary's values from this old annotation alone.
        let text = stored.is_primitive()
            && stored.get_basic_info().converted_type() == ConvertedType::UTF8
            && *field.data_type() == DataType::Utf8View;
        if !text {
            return field.as_ref().clone();
        }
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        field.as_ref().clone().with_data_type(coded)
    };
    let fields = declared.fields().iter().zip(roots(parquet)).map(code);
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}

/// The same columns, but 96-bit timestamps in seconds; `None` where there are none.
pub(super) fn seconds_schema(
    declared: &ArrowSchemaRef,
    parquet: &SchemaDescriptor,
) -> Option<ArrowSchemaRef> {
    let old = |stored: &Arc<Type>| physical(stored) == Some(PhysicalType::INT96);
    if !roots(parquet).iter().any(old) {
        return None;
    }
    let shorten = |(field, stored): (&Arc<Field>, &Arc<Type>)| {
        let field = field.as_ref().clone();
        match old(stored) {
            true => field.with_data_type(DataType::Timestamp(TimeUnit::Second, None)),
            false => field,
        }
    };
    let fields = declared.fields().iter().zip(roots(parquet)).map(shorten);
    Some(Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>())))
}

/// The columns of a file, each with what is nested in it.
fn roots(parquet: &SchemaDescriptor) -> &[Arc<Type>] {
    parquet.root_schema().get_fields()
}

fn physical(stored: &Type) -> Option<PhysicalType> {
    stored.is_primitive().then(|| stored.get_physical_type())
}

fn declared(inferred: &DataType, stored: &Type) -> DataType {
    match (inferred, physical(stored)) {
        (DataType::Utf8 | DataType::LargeUtf8, _) => DataType::Utf8View,
        (DataType::Binary | DataType::LargeBinary, _) => DataType::BinaryView,
        (DataType::Dictionary(_, values), _) => declared(values, stored),
        (&DataType::Decimal128(precision @ ..=9, scale), Some(PhysicalType::INT32)) => {
            DataType::Decimal32(precision, scale)
        }
        (&DataType::Decimal128(precision @ ..=18, scale), Some(PhysicalType::INT64)) => {
            DataType::Decimal64(precision, scale)
        }
        (
            &DataType::Decimal128(precision @ ..=18, scale),
            Some(PhysicalType::FIXED_LEN_BYTE_ARRAY),
        ) if length(stored) <= 8 => DataType::Decimal64(precision, scale),
        _ => inferred.clone(),
    }
}

/// The bytes of a value of fixed length.
fn length(stored: &Type) -> i32 {
    match stored {
        Type::PrimitiveType { type_length, .. } => *type_length,
        Type::GroupType { .. } => 0,
    }
}
