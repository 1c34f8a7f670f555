//! Columns in three encodings, a batch with a selection, and the lattice of types.
#![expect(clippy::disallowed_macros, reason = "examples print")]

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray, types::Int8Type};
use esker_datatypes::{
    Batch, Column, DataType, Encoding, Field, Result, ScalarValue, Schema, common_type,
    format_value,
};

fn main() -> Result<()> {
    // The planner knows types only; each batch may be encoded otherwise.
    let states = StringArray::from(vec!["CA", "CO"]);
    let codes = vec![Some(0), Some(1), None, Some(1)];
    let states: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(
        codes.into(),
        Arc::new(states),
    ));
    let columns = vec![
        Column::flat(Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        Column::from_arrow(&states)?,
        Column::constant(ScalarValue::from(true), 4),
    ];
    for column in &columns {
        let encoding = match column.encoding() {
            Encoding::Flat(_) => "flat",
            Encoding::Dictionary { .. } => "dictionary",
            Encoding::Constant { .. } => "constant",
        };
        println!(
            "{:<28} {encoding:<10} values of {}",
            column.data_type(),
            column.value_type()
        );
    }

    // A filter selects, it does not copy; only what leaves the engine is written out.
    let mut batch = Batch::new(columns, 4);
    batch.selection_mut().retain(|row| row % 2 == 1);
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("state", states.data_type().clone(), true),
        Field::new("active", DataType::Boolean, false),
    ]);
    println!("\n{} of {} rows selected", batch.selected(), batch.rows());
    let delivered = batch.to_arrow(&schema.to_arrow())?;
    for row in 0..delivered.num_rows() {
        let values = delivered
            .columns()
            .iter()
            .map(|column| format_value(column, row));
        println!("  {}", values.collect::<Vec<_>>().join(" | "));
    }

    // Which type holds the values of two others.
    println!();
    for (left, right) in [
        (DataType::Int8, DataType::UInt8),
        (DataType::Int64, DataType::Float32),
        (DataType::Decimal128(7, 2), DataType::Int32),
        (DataType::Utf8, DataType::Int64),
    ] {
        match common_type(&left, &right) {
            Some(common) => println!("{left} with {right}: {common}"),
            None => println!("{left} with {right}: no common type"),
        }
    }

    // Names that nothing answers to are met with a suggestion.
    if let Err(error) = schema.resolve("sate") {
        println!("\n{error}");
    }
    Ok(())
}
