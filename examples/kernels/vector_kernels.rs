//! Checked arithmetic, comparison, Kleene logic and casts on columns, under a selection.
#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringViewArray};
use esker_datatypes::{Buffers, Column, DataType, Result, ScalarValue, Selection, format_value};
use esker_kernels::arith::{ArithOp, binary};
use esker_kernels::boolean;
use esker_kernels::cast::{CastMode, cast};
use esker_kernels::compare::{CompareOp, compare, select};

fn main() -> Result<()> {
    let mut buffers = Buffers::default();
    let all = Selection::all(4);
    let amounts = column(Int64Array::from(vec![
        Some(120),
        None,
        Some(i64::MAX),
        Some(-7),
    ]));
    let ten = Column::constant(ScalarValue::from(10i64), 4);

    // Arithmetic is checked: a row that overflows is an error ..
    let add = |selection: &Selection, buffers: &mut Buffers| {
        binary(
            ArithOp::Add,
            &amounts,
            &ten,
            &DataType::Int64,
            selection,
            buffers,
        )
    };
    if let Err(error) = add(&all, &mut buffers) {
        line("all rows", error);
    }
    // .. unless a filter has removed it.
    let mut few = all.clone();
    let limit = Column::constant(ScalarValue::from(1000i64), 4);
    select(CompareOp::Lt, &amounts, &limit, &mut few, &mut buffers)?;
    line("rows < 1000", show(&add(&few, &mut buffers)?, &few));

    // Integers have two more divisions. Division by zero is null.
    for op in [ArithOp::Rem, ArithOp::FloorDiv, ArithOp::FloorMod] {
        let result = binary(op, &amounts, &ten, &DataType::Int64, &all, &mut buffers)?;
        line(&format!("{op} by 10"), show(&result, &all));
    }
    let zero = Column::constant(ScalarValue::from(0i64), 4);
    let result = binary(
        ArithOp::Rem,
        &amounts,
        &zero,
        &DataType::Int64,
        &all,
        &mut buffers,
    )?;
    line("% by 0", show(&result, &all));

    // Comparisons give null where a side is null, and Kleene logic knows what null may still be.
    let large = compare(CompareOp::Gt, &amounts, &ten, &all, &mut buffers)?;
    let flags = column(BooleanArray::from(vec![
        Some(true),
        Some(false),
        None,
        None,
    ]));
    line("> 10", show(&large, &all));
    line(
        "and flag",
        show(&boolean::and(&large, &flags, &all, &mut buffers)?, &all),
    );
    line(
        "or flag",
        show(&boolean::or(&large, &flags, &all, &mut buffers)?, &all),
    );

    // A cast fails on what does not fit, or gives null there.
    let words = column(StringViewArray::from(vec![
        Some("12"),
        Some("twelve"),
        None,
        Some("-3"),
    ]));
    for mode in [CastMode::Strict, CastMode::Try] {
        match cast(&words, &DataType::Int8, mode, &all, &mut buffers) {
            Ok(numbers) => line("try_cast", show(&numbers, &all)),
            Err(error) => line("cast", error),
        }
    }
    Ok(())
}

fn column(array: impl arrow::array::Array + 'static) -> Column {
    let array: ArrayRef = Arc::new(array);
    Column::flat(array)
}

fn line(label: &str, result: impl std::fmt::Display) {
    println!("{label:<16} {result}");
}

/// The selected rows; what the others hold is nobody's business.
fn show(column: &Column, selection: &Selection) -> String {
    let array = column.to_flat();
    let mut texts = vec!["-".to_owned(); array.len()];
    for row in selection.iter() {
        if let Some(text) = texts.get_mut(row) {
            *text = format_value(&array, row);
        }
    }
    texts.join(", ")
}
