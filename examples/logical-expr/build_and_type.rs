//! Builds expressions, resolves their names, types and coerces them, folds and bounds them.

#![expect(clippy::disallowed_macros, reason = "an example prints its result")]

use esker_datatypes::{DataType, Field, Result, ScalarValue, Schema};
use esker_logical_expr::{
    Expr, Interval, bounds, coerce, col, evaluate_constant, expr_type, is_constant, lit, resolve,
    when,
};

fn main() -> Result<()> {
    let schema = Schema::new(vec![
        Field::new("state", DataType::Utf8View, false),
        Field::new("salary", DataType::Int32, true),
        Field::new("rate", DataType::Decimal128(3, 2), false),
    ]);
    println!("columns: {schema}\n");

    // Names resolve to columns, typing decides the type, coercion writes down the casts.
    let show = |expr: Expr| -> Result<()> {
        println!("{} is written {expr}", expr.output_name());
        let expr = resolve(expr, &schema)?;
        let typed = expr_type(&expr, &schema)?;
        let question = if typed.nullable { "?" } else { "" };
        println!("    its type is {}{question}", typed.data_type);
        println!("    it computes {}", coerce(expr, &schema)?.data);
        Ok(())
    };
    show((col("salary") * 0.1).alias("bonus"))?;
    show((10 - col("rate") * 0.05).alias("left"))?;
    show(col("state").is_in(["CO", "CA"]) & col("salary").gt(1000))?;
    show(
        when(col("salary").lt(100))
            .then("low")
            .otherwise("high")
            .alias("band"),
    )?;

    // Mistakes are found here, before any data is read.
    for wrong in [col("sate").eq("CO"), col("salary").eq("1000")] {
        let error = resolve(wrong, &schema)
            .and_then(|e| expr_type(&e, &schema))
            .err();
        println!(
            "mistake: {}",
            error.map_or_else(String::new, |e| e.to_string())
        );
    }

    // What uses no column is folded by the kernels that would have run.
    let expr = coerce(lit(12) * 3 + 0.5, &schema)?.data;
    if is_constant(&expr) {
        println!("{expr} folds to {}", evaluate_constant(&expr)?);
    }

    // What a column can hold bounds what an expression can be.
    let filter = resolve(col("salary").between(200_000, 300_000), &schema)?;
    let filter = coerce(filter, &schema)?.data;
    let salary = |_| {
        let bound = |value: i32| Some(ScalarValue::from(value));
        Interval::between(&DataType::Int32, bound(9_000), bound(12_000)).with_null(true)
    };
    let keeps = if bounds(&filter, &salary).may_be_true() {
        "some rows"
    } else {
        "no row"
    };
    println!("{filter} keeps {keeps} of salaries between 9000 and 12000");
    Ok(())
}
